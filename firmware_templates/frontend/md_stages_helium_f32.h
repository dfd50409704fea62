/* md_stages_helium_f32.h: the stages of md_stages_f32.h, bit for bit, on Helium (MVE, Armv8.1-M).
 *
 * Each lane performs the scalar code's operations, in its order. But vector instructions flush
 * denormals to zero, where scalar ones do not. When they do, the FPU notes it; a function then
 * returns false, and what it wrote is not to be used: the caller runs the scalar stage on the
 * same input (for md_helium_rfft_f32, which destroys its input, from the samples on). Else all
 * bits are the scalar code's, save that zeros in `fft` may have the other sign, and that bins
 * from MD_FRONTEND_SPECTRUM_BINS on are not computed.
 *
 * The values are finite, and no intermediate result overflows: the scale of 16-bit samples is
 * far from that. Buffers are aligned to 8 bytes, as MD_HELIUM_ALIGNED does it. */
#ifndef MD_STAGES_HELIUM_F32_H
#define MD_STAGES_HELIUM_F32_H

#include <stdbool.h>
#include <stdint.h>

#define MD_HELIUM_ALIGNED _Alignas(8)

/* Whether the target has Helium's float instructions; elsewhere the sources are empty. */
#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 2)
#define MD_HELIUM 1
#else
#define MD_HELIUM 0
#endif

bool md_helium_window_f32(const int16_t *pcm, float *windowed);
bool md_helium_rfft_f32(float *windowed, float *fft);
bool md_helium_spectrum_f32(float *fft, float *spectrum);
bool md_helium_mel_f32(const float *spectrum, float *mel);

/* Never flushes what would change a bit: see the code. */
void md_helium_log_f32(float *mel);

bool md_helium_dct_f32(const float *log, float *coefficients);

#if MD_HELIUM
/* FPSCR's cumulative flags of a flushed result (UFC) and a flushed operand (IDC). */
#define MD_FPSCR_UFC (1u << 3)
#define MD_FPSCR_IDC (1u << 7)

/* Before and after vector code that stands in a function of its own, not inlined: the compiler
 * might move arithmetic past these. */
static inline void md_fp_clear(void) {
    uint32_t fpscr;
    __asm__ volatile("vmrs %0, fpscr" : "=r"(fpscr)::"memory");
    fpscr &= ~(MD_FPSCR_UFC | MD_FPSCR_IDC);
    __asm__ volatile("vmsr fpscr, %0" ::"r"(fpscr) : "memory");
}

static inline bool md_fp_flushed(void) {
    uint32_t fpscr;
    __asm__ volatile("vmrs %0, fpscr" : "=r"(fpscr)::"memory");
    return (fpscr & (MD_FPSCR_UFC | MD_FPSCR_IDC)) != 0u;
}
#endif

#endif
