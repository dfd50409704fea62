/* md_stages_f32.h: the stages of a frame in float32.
 *
 * md_stages_scalar_f32.c holds them for every core, on CMSIS-DSP's scalar functions: its operations and
 * their order define the bits. Each stage reads one buffer and writes another; both have
 * MD_FRONTEND_BUFFER elements. */
#ifndef MD_STAGES_F32_H
#define MD_STAGES_F32_H

#include <stdint.h>

/* Samples, MD_FRONTEND_CHANNELS apart, less their mean and with pre-emphasis where the front end has
 * those, times the window; then zeros up to MD_FRONTEND_FFT_SIZE. */
void md_scalar_window_f32(const int16_t *pcm, float *windowed);

/* CMSIS-DSP's packed spectrum: real and imaginary parts of the bins; `windowed` is destroyed. */
void md_scalar_rfft_f32(float *windowed, float *fft);

/* Magnitude or power of the first MD_FRONTEND_SPECTRUM_BINS bins; `fft` is changed. */
void md_scalar_spectrum_f32(float *fft, float *spectrum);

void md_scalar_mel_f32(const float *spectrum, float *mel);

/* Of MD_FRONTEND_MEL_FILTERS values, in place. */
void md_scalar_log_f32(float *mel);

void md_scalar_dct_f32(const float *log, float *coefficients);

#endif
