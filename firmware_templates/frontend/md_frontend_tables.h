/* md_frontend_tables.h: the constants of the MFCC front end, defined in
 * generated/frontend_tables.c. */
#ifndef MD_FRONTEND_TABLES_H
#define MD_FRONTEND_TABLES_H

#include <stdint.h>

#include "frontend_config.h"

/* The window divided by 32768: it also scales the samples to fractions of full scale. */
extern const float md_frontend_window[MD_FRONTEND_FRAME_SAMPLES];

/* cos, sin of 2 pi k / (MD_FRONTEND_FFT_SIZE / 2), interleaved: for the complex FFT. */
extern const float md_frontend_cfft_twiddle[MD_FRONTEND_FFT_SIZE];

/* sin, cos of 2 pi k / MD_FRONTEND_FFT_SIZE, interleaved: for the split into a real FFT. */
extern const float md_frontend_rfft_twiddle[MD_FRONTEND_FFT_SIZE];

/* Pairs of byte offsets of complex values to swap. */
extern const uint16_t md_frontend_bit_reversal[MD_FRONTEND_BIT_REVERSAL_LENGTH];

/* Filter i weighs md_frontend_mel_length[i] bins from md_frontend_mel_first[i] on; the weights of
 * all filters stand one after another. */
extern const uint16_t md_frontend_mel_first[MD_FRONTEND_MEL_FILTERS];
extern const uint16_t md_frontend_mel_length[MD_FRONTEND_MEL_FILTERS];
extern const float md_frontend_mel_weights[MD_FRONTEND_MEL_WEIGHTS];

/* Row-major, MD_FRONTEND_DCT_COEFFICIENTS x MD_FRONTEND_MEL_FILTERS. */
extern const float md_frontend_dct[MD_FRONTEND_DCT_COEFFICIENTS * MD_FRONTEND_MEL_FILTERS];

#endif
