/* md_fixed.h: what the front ends in fixed point, q31 and q15, have in common: all but window and FFT.
 *
 * "q" and a number: so many fraction bits. With s and t the shifts that normalise a frame's samples and
 * its spectrum, N the FFT's length, p = 1 for magnitudes and 2 for powers, the stages are
 *
 *     windowed   q31 or q15: the samples as fractions, times 2^s
 *     spectrum   q31 magnitudes or q62 (int64) powers of the FFT over N, times 2^(s + t)
 *     mel        int64: sums with MD_FRONTEND_FIXED_MEL_SCALE + p (s + t) fraction bits
 *     log        q MD_FRONTEND_FIXED_LOG_FRACTION: 23, of decibels 21
 *     dct        q MD_FRONTEND_FIXED_FEATURE_FRACTION
 *     features   float, in units of 1
 *
 * Where a sample is as large as MD_FRONTEND_FIXED_PEAK, a part of arm_rfft's complex FFT is at most
 * 2 * 0.49 and so is each sum of its split into a real FFT; a power of two below that is what a frame's
 * largest sample becomes.
 *
 * The logarithm is that of the largest of three: the mel value plus the offset; one bit of the FFT at
 * the largest weight, unless the samples are all zero or the filter weighs no bin; and the floor. So there
 * is no logarithm of zero. mcu_deploy/frontend/fixed.py does the same; a change here is a change
 * there. */
#ifndef MD_FIXED_H
#define MD_FIXED_H

#include <stdint.h>

#include "md_frame.h"

/* What became of a frame's samples. */
typedef struct {
    int32_t shift; /* they are the fractions of full scale times 2^(31 + shift) */
    uint32_t silent;
} md_fixed_scale_t;

/* Memory for one vector at a time. */
typedef union {
    int16_t q15[2 * MD_FRONTEND_FFT_SIZE];
    int32_t q31[MD_FRONTEND_FFT_SIZE];
    int64_t q63[MD_FRONTEND_FFT_SIZE / 2];
} md_fixed_buffer_t;
_Static_assert(MD_FRONTEND_MEL_FILTERS <= MD_FRONTEND_FFT_SIZE / 2, "more filters than buffer");
_Static_assert(MD_FRONTEND_SPECTRUM_BINS <= MD_FRONTEND_FFT_SIZE / 2, "more bins than buffer");

/* MD_FRONTEND_FRAME_SAMPLES samples, MD_FRONTEND_CHANNELS apart, less their mean and with pre-emphasis
 * where the front end has those, normalised. */
md_fixed_scale_t md_fixed_samples(const int16_t *pcm, int32_t *samples);

/* The stages from the spectrum on. `fft` holds real and imaginary parts of MD_FRONTEND_SPECTRUM_BINS
 * bins, q31, divided by the FFT's length; it and `work` are written over. */
void md_fixed_features(md_fixed_buffer_t *fft, md_fixed_scale_t scale, md_fixed_buffer_t *work,
                       const md_observation_t *to, float *features);

#endif
