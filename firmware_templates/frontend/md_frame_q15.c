/* md_frame_q15.c: a frame with window and FFT in 16-bit fixed point, and the rest in 32 bits; md_fixed.h
 * has the formats. */
#include <string.h>

#include "dsp/basic_math_functions.h"
#include "dsp/support_functions.h"
#include "dsp/transform_functions.h"
#include "frontend_tables.h"
#include "md_fixed.h"

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

/* Work buffers that the stages use in turn. arm_rfft_q15 writes all N complex values, of which the first
 * half is used. */
_Static_assert(MD_FRONTEND_MEL_FILTERS <= MD_FRONTEND_FFT_SIZE / 2, "more filters than buffer");
_Static_assert(MD_FRONTEND_SPECTRUM_BINS <= MD_FRONTEND_FFT_SIZE / 2, "more bins than buffer");
static union {
    q31_t samples[MD_FRONTEND_FFT_SIZE];
    q15_t fft[2 * MD_FRONTEND_FFT_SIZE];
} a;
static union {
    q15_t windowed[MD_FRONTEND_FFT_SIZE];
    q31_t fft[MD_FRONTEND_FFT_SIZE];
    q63_t mel[MD_FRONTEND_FFT_SIZE / 2];
} b;

void md_frame_features(const int16_t *pcm, const md_observation_t *to, float *features) {
    const md_fixed_scale_t scale = md_fixed_samples(pcm, a.samples);
    arm_q31_to_q15(a.samples, b.windowed, MD_FRONTEND_FRAME_SAMPLES);
    arm_mult_q15(b.windowed, md_frontend_window, b.windowed, MD_FRONTEND_FRAME_SAMPLES);
    md_observe(to, MD_FRONTEND_STAGE_WINDOWED, b.windowed,
               MD_FRONTEND_FRAME_SAMPLES * sizeof(q15_t));
    memset(b.windowed + MD_FRONTEND_FRAME_SAMPLES, 0,
           (MD_FRONTEND_FFT_SIZE - MD_FRONTEND_FRAME_SAMPLES) * sizeof(q15_t));
    arm_rfft_q15(&rfft, b.windowed, a.fft);
    arm_q15_to_q31(a.fft, b.fft, 2 * MD_FRONTEND_SPECTRUM_BINS);
    md_fixed_features(b.fft, scale, a.samples, b.mel, to, features);
}
