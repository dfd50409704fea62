/* md_frame_q15.c: a frame with window and FFT in 16-bit fixed point, and the rest in 32 bits; md_fixed.h
 * has the formats. */
#include <string.h>

#include "dsp/basic_math_functions.h"
#include "dsp/support_functions.h"
#include "dsp/transform_functions.h"
#include "frontend_tables.h"
#include "md_fixed.h"

#ifdef MD_FRONTEND_RFFT_INIT
/* `arithmetic = "cmsis-helium"`: CMSIS-DSP's own tables, as its Helium code wants them. The bits are not
 * Python's. */
static const arm_rfft_instance_q15 *rfft_instance(void) {
    static arm_rfft_instance_q15 rfft;
    if (rfft.fftLenReal == 0) {
        MD_FRONTEND_RFFT_INIT(&rfft, 0, 1);
    }
    return &rfft;
}
#else
/* CMSIS-DSP's instances as its init functions would fill them, without the tables of all other lengths
 * that those bring along. */
static const arm_cfft_instance_q15 cfft = {
    .fftLen = MD_FRONTEND_FFT_SIZE / 2,
    .pTwiddle = md_frontend_fft_twiddle,
    .pBitRevTable = md_frontend_bit_reversal,
    .bitRevLength = MD_FRONTEND_FIXED_BIT_REVERSAL_LENGTH,
};

static const arm_rfft_instance_q15 rfft = {
    .fftLenReal = MD_FRONTEND_FFT_SIZE,
    .bitReverseFlagR = 1,
    .twidCoefRModifier = 1,
    .pTwiddleAReal = md_frontend_fft_split_a,
    .pTwiddleBReal = md_frontend_fft_split_b,
    .pCfft = &cfft,
};

static const arm_rfft_instance_q15 *rfft_instance(void) {
    return &rfft;
}
#endif

/* Work buffers that the stages use in turn. arm_rfft_q15 writes all N complex values, of which the first
 * half is used. */
static md_fixed_buffer_t a, b;

void md_frame_features(const int16_t *pcm, const md_observation_t *to, float *features) {
    const md_fixed_scale_t scale = md_fixed_samples(pcm, a.q31);
    q15_t *const windowed = b.q15;
    arm_q31_to_q15(a.q31, windowed, MD_FRONTEND_FRAME_SAMPLES);
    arm_mult_q15(windowed, md_frontend_window, windowed, MD_FRONTEND_FRAME_SAMPLES);
    md_observe(to, MD_FRONTEND_STAGE_WINDOWED, windowed, MD_FRONTEND_FRAME_SAMPLES * sizeof(q15_t));
    memset(windowed + MD_FRONTEND_FRAME_SAMPLES, 0,
           (MD_FRONTEND_FFT_SIZE - MD_FRONTEND_FRAME_SAMPLES) * sizeof(q15_t));
    arm_rfft_q15(rfft_instance(), windowed, a.q15);
    arm_q15_to_q31(a.q15, b.q31, 2 * MD_FRONTEND_SPECTRUM_BINS);
    md_fixed_features(&b, scale, &a, to, features);
}
