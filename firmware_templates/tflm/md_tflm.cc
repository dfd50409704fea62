// md_tflm.cc: md_model.h on TFLite Micro's interpreter; see md_tflm.h.
#include "md_tflm.h"

#include "md_tflm_model.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_profiler_interface.h"
#include "tensorflow/lite/schema/schema_generated.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

class Interpreter : public tflite::MicroInterpreter {
  public:
    using MicroInterpreter::context;
    using MicroInterpreter::MicroInterpreter;
};

// Where objects lie that are made at run time: nothing here needs start-up code or an allocator.
template <typename Type> struct Place {
    alignas(Type) unsigned char bytes[sizeof(Type)];

    Type &object() {
        return *std::launder(reinterpret_cast<Type *>(bytes));
    }
};

// Sees the end of each operator, while its outputs are still there: no tensor needs to be preserved.
class Observer : public tflite::MicroProfilerInterface {
  public:
    uint32_t BeginEvent(const char *) override {
        return depth_++;
    }

    void EndEvent(uint32_t) override;

    void begin(md_model_observer_t observer, void *context) {
        observer_ = observer;
        context_ = context;
        step_ = 0;
        made_ = 0;
        depth_ = 0;
    }

    uint32_t step() const {
        return step_;
    }

  private:
    md_model_observer_t observer_ = nullptr;
    void *context_ = nullptr;
    uint32_t step_ = 0;
    uint32_t made_ = 0;  // of md_tflm_made, what has been told
    uint32_t depth_ = 0; // kernels may have events of their own within the operator's
};

Place<Observer> observer_place;
Place<Interpreter> interpreter_place;

Interpreter &interpreter() {
    return interpreter_place.object();
}

[[noreturn]] void fail(md_tflm_failure_t failure, uint32_t status) {
    md_app_tflm_failed(failure, status, md_tflm_log());
}

void Observer::EndEvent(uint32_t) {
    if (--depth_ > 0) {
        return;
    }
    const TfLiteContext &context = interpreter().context();
    for (; made_ < md_tflm_made_count && md_tflm_made[made_].step == step_; made_++) {
        const md_tflm_made_t &made = md_tflm_made[made_];
        if (observer_ != nullptr) {
            TfLiteEvalTensor *const value =
                context.GetEvalTensor(&context, static_cast<int>(made.place));
            const md_tensor_t tensor = {made.index, made.bytes, value->data.data};
            observer_(context_, step_, &tensor);
        }
    }
    step_++;
}

void place_tensor(md_tensor_t &tensor, TfLiteTensor *value) {
    if (value == nullptr || value->bytes != tensor.bytes) {
        fail(MD_TFLM_FAILED_TENSOR, tensor.index);
    }
    tensor.data = value->data.data;
}

} // namespace

extern "C" void md_model_prepare(void) {
#if MD_HAVE_NPU
    md_tflm_npu_open();
#endif
    const tflite::Model *const model = tflite::GetModel(md_tflm_model);
    if (model->version() != TFLITE_SCHEMA_VERSION) {
        fail(MD_TFLM_FAILED_MODEL, model->version());
    }
    const tflite::MicroOpResolver *const resolver = md_tflm_resolver();
    if (resolver == nullptr) {
        fail(MD_TFLM_FAILED_RESOLVER, 0);
    }
    new (observer_place.bytes) Observer;
    new (interpreter_place.bytes)
        Interpreter(model, *resolver, md_tflm_arena, md_tflm_arena_bytes - md_tflm_fast_bytes,
                    nullptr, &observer_place.object());
    const TfLiteStatus status = interpreter().AllocateTensors();
    if (status != kTfLiteOk) {
        fail(MD_TFLM_FAILED_ALLOCATE, static_cast<uint32_t>(status));
    }
    for (uint32_t i = 0; i < md_model_input_count; i++) {
        place_tensor(md_model_inputs[i], interpreter().input(i));
    }
    for (uint32_t i = 0; i < md_model_output_count; i++) {
        place_tensor(md_model_outputs[i], interpreter().output(i));
    }
}

extern "C" void md_model_reset(void) {
    const TfLiteStatus status = interpreter().Reset();
    if (status != kTfLiteOk) {
        fail(MD_TFLM_FAILED_ALLOCATE, static_cast<uint32_t>(status));
    }
}

extern "C" void md_model_invoke(md_model_observer_t observer, void *context) {
    Observer &watching = observer_place.object();
    watching.begin(observer, context);
    const TfLiteStatus status = interpreter().Invoke();
    if (status != kTfLiteOk) {
#if MD_HAVE_NPU
        // The profiler has seen the end of the operator that failed, too.
        md_tflm_npu_explain(watching.step() > 0 ? watching.step() - 1 : 0);
#endif
        fail(MD_TFLM_FAILED_INVOKE, static_cast<uint32_t>(status));
    }
    if (observer != nullptr && watching.step() != md_tflm_steps) {
        fail(MD_TFLM_FAILED_EVENTS, watching.step());
    }
}

extern "C" uint32_t md_tflm_arena_used(void) {
    const auto used = static_cast<uint32_t>(interpreter().arena_used_bytes());
    return md_tflm_fast_bytes > 0 ? ((used + 15u) & ~15u) + md_tflm_fast_bytes : used;
}

// What C++ on bare metal may ask for. Nothing is ever deleted, or called that has no body.
extern "C" void abort(void) {
    fail(MD_TFLM_FAILED_ABORT,
         static_cast<uint32_t>(reinterpret_cast<uintptr_t>(__builtin_return_address(0))));
}

extern "C" void __cxa_pure_virtual(void) {
    fail(MD_TFLM_FAILED_ABORT, 0);
}

void operator delete(void *) noexcept {
}

void operator delete(void *, std::size_t) noexcept {
}
