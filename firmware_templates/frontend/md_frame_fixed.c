/* md_frame_fixed.c: a frame in fixed point: 32-bit, or window and FFT in 16 bits and the rest in 32;
 * md_fixed.h has the formats. */
#include <string.h>

#include "dsp/basic_math_functions.h"
#include "dsp/support_functions.h"
#include "dsp/transform_functions.h"
#include "frontend_tables.h"
#include "md_fixed.h"

#if MD_FRONTEND_FIXED_BITS == 31
#define OF_PRECISION(name) name##_q31
typedef q31_t sample_t;
#else
#define OF_PRECISION(name) name##_q15
typedef q15_t sample_t;
#endif
typedef OF_PRECISION(arm_rfft_instance) rfft_instance_t;

#ifdef MD_FRONTEND_RFFT_INIT
/* `arithmetic = "cmsis-helium"`: CMSIS-DSP's own tables, as its Helium code wants them. The bits are not
 * Python's. */
static const rfft_instance_t *rfft_instance(void) {
    static rfft_instance_t rfft;
    if (rfft.fftLenReal == 0) {
        MD_FRONTEND_RFFT_INIT(&rfft, 0, 1);
    }
    return &rfft;
}
#else
/* CMSIS-DSP's instances as its init functions would fill them, without the tables of all other lengths
 * that those bring along. */
static const OF_PRECISION(arm_cfft_instance) cfft = {
    .fftLen = MD_FRONTEND_FFT_SIZE / 2,
    .pTwiddle = md_frontend_fft_twiddle,
    .pBitRevTable = md_frontend_bit_reversal,
    .bitRevLength = MD_FRONTEND_FIXED_BIT_REVERSAL_LENGTH,
};

static const rfft_instance_t rfft = {
    .fftLenReal = MD_FRONTEND_FFT_SIZE,
    .bitReverseFlagR = 1,
    .twidCoefRModifier = 1,
    .pTwiddleAReal = md_frontend_fft_split_a,
    .pTwiddleBReal = md_frontend_fft_split_b,
    .pCfft = &cfft,
};

static const rfft_instance_t *rfft_instance(void) {
    return &rfft;
}
#endif

/* Work buffers that the stages use in turn. arm_rfft writes all N complex values, of which the first half
 * is used: `transform` leaves those in b[0]. */
#if MD_FRONTEND_FIXED_BITS == 31
static md_fixed_buffer_t a, b[2];

static sample_t *normalised(void) {
    return a.q31;
}

static void transform(sample_t *windowed) {
    arm_rfft_q31(rfft_instance(), windowed, (q31_t *)b);
}
#else
static md_fixed_buffer_t a, b[1];

static sample_t *normalised(void) {
    arm_q31_to_q15(a.q31, b[0].q15, MD_FRONTEND_FRAME_SAMPLES);
    return b[0].q15;
}

static void transform(sample_t *windowed) {
    arm_rfft_q15(rfft_instance(), windowed, a.q15);
    arm_q15_to_q31(a.q15, b[0].q31, 2 * MD_FRONTEND_SPECTRUM_BINS);
}
#endif

void md_frame_features(const int16_t *pcm, const md_observation_t *to, float *features) {
    const md_fixed_scale_t scale = md_fixed_samples(pcm, a.q31);
    sample_t *const windowed = normalised();
    OF_PRECISION(arm_mult)(windowed, md_frontend_window, windowed, MD_FRONTEND_FRAME_SAMPLES);
    md_observe(to, MD_FRONTEND_STAGE_WINDOWED, windowed,
               MD_FRONTEND_FRAME_SAMPLES * sizeof *windowed);
    memset(windowed + MD_FRONTEND_FRAME_SAMPLES, 0,
           (MD_FRONTEND_FFT_SIZE - MD_FRONTEND_FRAME_SAMPLES) * sizeof *windowed);
    transform(windowed);
    md_fixed_features(&b[0], scale, &a, to, features);
}
