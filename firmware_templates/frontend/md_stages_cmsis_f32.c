/* md_stages_cmsis_f32.c: FFT and logarithm with CMSIS-DSP's own tables and functions, for
 * `arithmetic = "cmsis-helium"`. Its Helium code reorders and fuses: the bits are not Python's. */
#include <stdbool.h>

#include "dsp/basic_math_functions.h"
#include "dsp/fast_math_functions.h"
#include "dsp/transform_functions.h"
#include "frontend_config.h"
#include "md_stages_f32.h"

void md_scalar_rfft_f32(float *windowed, float *fft) {
    static arm_rfft_fast_instance_f32 rfft;
    static bool ready;
    if (!ready) {
        MD_FRONTEND_RFFT_INIT(&rfft);
        ready = true;
    }
    arm_rfft_fast_f32(&rfft, windowed, fft, 0);
}

void md_scalar_log_f32(float *mel) {
    for (uint32_t i = 0; i < MD_FRONTEND_MEL_FILTERS; i++) {
        const float x = MD_FRONTEND_HAS_LOG_OFFSET ? mel[i] + MD_FRONTEND_LOG_OFFSET : mel[i];
        mel[i] = x < MD_FRONTEND_LOG_FLOOR ? MD_FRONTEND_LOG_FLOOR : x;
    }
    arm_vlog_f32(mel, mel, MD_FRONTEND_MEL_FILTERS);
    if (MD_FRONTEND_HAS_LOG_FACTOR) {
        arm_scale_f32(mel, MD_FRONTEND_LOG_FACTOR, mel, MD_FRONTEND_MEL_FILTERS);
    }
}
