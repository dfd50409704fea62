// md_tflm_model.h: the operators of the model; implemented by the generated model.cc.
#ifndef MD_TFLM_MODEL_H
#define MD_TFLM_MODEL_H

#include "tensorflow/lite/micro/micro_op_resolver.h"

// A resolver that has the model's operators and no others; nullptr where one could not be added.
const tflite::MicroOpResolver *md_tflm_resolver();

#endif
