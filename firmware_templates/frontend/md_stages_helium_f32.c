/* md_stages_helium_f32.c: window, spectrum, mel filters, logarithm and DCT on Helium.
 *
 * Vectorised across samples, bins, filters and coefficients, never along a sum. Helium has no
 * vector square root and no division: those are the FPU's, lane by lane. */
#include "md_stages_helium_f32.h"

#if MD_HELIUM

#include <arm_mve.h>
#include <math.h>
#include <stdint.h>

#include "frontend_config.h"
#include "frontend_tables.h"
#include "md_frontend_math.h"

#define LANES 4u

/* How many of `count` elements fill vectors; the rest are left to scalar code. */
#define WHOLE(count) ((count) / LANES * LANES)

static inline int32x4_t samples(const int16_t *pcm) {
#if MD_FRONTEND_CHANNELS == 1u
    return vldrhq_s32(pcm);
#else
    const uint32x4_t index = {0u, MD_FRONTEND_CHANNELS, 2u * MD_FRONTEND_CHANNELS,
                              3u * MD_FRONTEND_CHANNELS};
    return vldrhq_gather_shifted_offset_s32(pcm, index);
#endif
}

static inline float mean_of(const int16_t *pcm) {
    int32_t sum = 0; /* of at most 4096 samples */
    for (uint32_t n = 0; n != WHOLE(MD_FRONTEND_FRAME_SAMPLES); n += LANES) {
        sum = vaddvaq_s32(sum, samples(pcm + n * MD_FRONTEND_CHANNELS));
    }
    for (uint32_t n = WHOLE(MD_FRONTEND_FRAME_SAMPLES); n < MD_FRONTEND_FRAME_SAMPLES; n++) {
        sum += pcm[n * MD_FRONTEND_CHANNELS];
    }
    return (float)sum / (float)MD_FRONTEND_FRAME_SAMPLES;
}

static __attribute__((noinline)) void window(const int16_t *pcm, float *windowed) {
    const float mean = MD_FRONTEND_DC_REMOVAL ? mean_of(pcm) : 0.0f;
    float before = (float)pcm[0] - mean;
    uint32_t carry;
    memcpy(&carry, &before, sizeof carry);
    for (uint32_t n = 0; n != WHOLE(MD_FRONTEND_FRAME_SAMPLES); n += LANES) {
        float32x4_t x = vcvtq_f32_s32(samples(pcm + n * MD_FRONTEND_CHANNELS));
        if (MD_FRONTEND_DC_REMOVAL) {
            x = vsubq_n_f32(x, mean);
        }
        if (MD_FRONTEND_HAS_PRE_EMPHASIS) {
            /* Each lane gets its neighbour's value, the first that of the block before. */
            const int32x4_t bits = vshlcq_s32(vreinterpretq_s32_f32(x), &carry, 32);
            const float32x4_t befores = vreinterpretq_f32_s32(bits);
            x = vsubq_f32(x, vmulq_n_f32(befores, MD_FRONTEND_PRE_EMPHASIS));
        }
        vst1q_f32(windowed + n, vmulq_f32(x, vld1q_f32(md_frontend_window + n)));
    }
    memcpy(&before, &carry, sizeof before);
    for (uint32_t n = WHOLE(MD_FRONTEND_FRAME_SAMPLES); n < MD_FRONTEND_FRAME_SAMPLES; n++) {
        const float sample = (float)pcm[n * MD_FRONTEND_CHANNELS] - mean;
        float emphasised = sample;
        if (MD_FRONTEND_HAS_PRE_EMPHASIS) {
            emphasised = sample - MD_FRONTEND_PRE_EMPHASIS * before;
        }
        before = sample;
        windowed[n] = emphasised * md_frontend_window[n];
    }
    const uint32_t padding = WHOLE(MD_FRONTEND_FRAME_SAMPLES + LANES - 1u);
    for (uint32_t n = MD_FRONTEND_FRAME_SAMPLES; n < padding; n++) {
        windowed[n] = 0.0f;
    }
    for (uint32_t n = padding; n < MD_FRONTEND_FFT_SIZE; n += LANES) {
        vst1q_f32(windowed + n, vdupq_n_f32(0.0f));
    }
}

bool md_helium_window_f32(const int16_t *pcm, float *windowed) {
    md_fp_clear();
    window(pcm, windowed);
    return !md_fp_flushed();
}

#if !MD_FRONTEND_SPECTRUM_POWER
static inline float32x4_t square_roots(float32x4_t x) {
    register float32x4_t q0 __asm__("q0") = x; /* its lanes are s0 to s3 */
    __asm__("vsqrt.f32 s0, s0\n\t"
            "vsqrt.f32 s1, s1\n\t"
            "vsqrt.f32 s2, s2\n\t"
            "vsqrt.f32 s3, s3"
            : "+w"(q0));
    return q0;
}
#endif

static __attribute__((noinline)) void spectrum_of(const float *fft, float *spectrum) {
    for (uint32_t k = 0; k != WHOLE(MD_FRONTEND_SPECTRUM_BINS); k += LANES) {
        const float32x4x2_t x = vld2q_f32(fft + 2u * k);
        float32x4_t power = vaddq_f32(vmulq_f32(x.val[0], x.val[0]), vmulq_f32(x.val[1], x.val[1]));
#if !MD_FRONTEND_SPECTRUM_POWER
        power = square_roots(power);
#endif
        vst1q_f32(spectrum + k, power);
    }
    for (uint32_t k = WHOLE(MD_FRONTEND_SPECTRUM_BINS); k < MD_FRONTEND_SPECTRUM_BINS; k++) {
        const float re = fft[2u * k], im = fft[2u * k + 1u];
        const float power = re * re + im * im;
        spectrum[k] = MD_FRONTEND_SPECTRUM_POWER ? power : sqrtf(power);
    }
}

bool md_helium_spectrum_f32(float *fft, float *spectrum) {
    fft[1] = 0.0f; /* the Nyquist bin */
    md_fp_clear();
    spectrum_of(fft, spectrum);
    return !md_fp_flushed();
}

/* md_frontend_helium_mel_* hold the filters in groups of four, each filter from a bin of its
 * own on, with as many weights as the group's longest needs. The zeros among these change no
 * bit: a magnitude times zero is +0, which a sum that began as +0 keeps as it is. */
static __attribute__((noinline)) void apply_mel_filters(const float *spectrum, float *mel) {
    const float *weights = md_frontend_helium_mel_weights;
    for (uint32_t i = 0; i < MD_FRONTEND_MEL_FILTERS; i += LANES) {
        const uint32x4_t first = vldrhq_u32(md_frontend_helium_mel_first + i);
        const float *bin = spectrum;
        float32x4_t sum = vdupq_n_f32(0.0f);
        for (uint32_t n = md_frontend_helium_mel_length[i / LANES]; n != 0u; n--) {
            const float32x4_t x = vldrwq_gather_shifted_offset_f32(bin, first);
            sum = vaddq_f32(sum, vmulq_f32(x, vld1q_f32(weights)));
            bin++;
            weights += LANES;
        }
        vstrwq_p_f32(mel + i, sum, vctp32q(MD_FRONTEND_MEL_FILTERS - i));
    }
}

bool md_helium_mel_f32(const float *spectrum, float *mel) {
    md_fp_clear();
    apply_mel_filters(spectrum, mel);
    return !md_fp_flushed();
}

static inline float32x4_t quotients(float32x4_t a, float32x4_t b) {
    register float32x4_t q0 __asm__("q0") = a;
    register float32x4_t q1 __asm__("q1") = b;
    __asm__("vdiv.f32 s0, s0, s4\n\t"
            "vdiv.f32 s1, s1, s5\n\t"
            "vdiv.f32 s2, s2, s6\n\t"
            "vdiv.f32 s3, s3, s7"
            : "+w"(q0)
            : "w"(q1));
    return q0;
}

/* md_logf of each. Nothing can be flushed: x is normal, so f is 0 or at least 2^-24 in magnitude,
 * and s, z, r and half_square are 0 or above 2^-52. Their products are 0 or above 2^-80, and sums
 * are 0 or multiples of a summand's last place, 2^-104 or more. */
static inline float32x4_t logarithms(float32x4_t x) {
    const uint32_t sqrt_half = 0x3f3504f3u;
    const float ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;
    const uint32x4_t bits = vaddq_n_u32(vreinterpretq_u32_f32(x), 0x3f800000u - sqrt_half);
    const uint32x4_t exponent = vsubq_n_u32(vshrq_n_u32(bits, 23), 127u);
    const float32x4_t k = vcvtq_f32_s32(vreinterpretq_s32_u32(exponent));
    const uint32x4_t fraction = vandq_u32(bits, vdupq_n_u32(0x007fffffu));
    const float32x4_t m = vreinterpretq_f32_u32(vaddq_n_u32(fraction, sqrt_half));

    const float32x4_t f = vsubq_n_f32(m, 1.0f);
    const float32x4_t s = quotients(f, vaddq_n_f32(f, 2.0f));
    const float32x4_t z = vmulq_f32(s, s);
    float32x4_t r = vaddq_n_f32(vmulq_n_f32(z, 0x1.2ee8c8p-2f), 0x1.997c22p-2f);
    r = vmulq_f32(vaddq_n_f32(vmulq_f32(r, z), 0x1.55555cp-1f), z);
    const float32x4_t half_square = vmulq_f32(vmulq_n_f32(f, 0.5f), f);
    const float32x4_t odd =
        vaddq_f32(vmulq_f32(s, vaddq_f32(half_square, r)), vmulq_n_f32(k, ln2_low));
    return vsubq_f32(vmulq_n_f32(k, ln2_high), vsubq_f32(vsubq_f32(half_square, odd), f));
}

static inline float scalar_log(float x) {
    const float sum = MD_FRONTEND_HAS_LOG_OFFSET ? x + MD_FRONTEND_LOG_OFFSET : x;
    const float log = md_logf(sum < MD_FRONTEND_LOG_FLOOR ? MD_FRONTEND_LOG_FLOOR : sum);
    return MD_FRONTEND_HAS_LOG_FACTOR ? log * MD_FRONTEND_LOG_FACTOR : log;
}

void md_helium_log_f32(float *mel) {
    uint32_t i = 0;
    /* An offset of at least 2^-101 is more than 2^24 times a denormal: whether that is flushed
     * before the addition changes nothing. A denormal that meets the floor is below it, flushed
     * or not. */
    if (!MD_FRONTEND_HAS_LOG_OFFSET || MD_FRONTEND_LOG_OFFSET >= 0x1p-101f) {
        for (; i != WHOLE(MD_FRONTEND_MEL_FILTERS); i += LANES) {
            float32x4_t x = vld1q_f32(mel + i);
            if (MD_FRONTEND_HAS_LOG_OFFSET) {
                x = vaddq_n_f32(x, MD_FRONTEND_LOG_OFFSET);
            }
            x = logarithms(vmaxnmq_f32(x, vdupq_n_f32(MD_FRONTEND_LOG_FLOOR)));
            if (MD_FRONTEND_HAS_LOG_FACTOR) {
                x = vmulq_n_f32(x, MD_FRONTEND_LOG_FACTOR);
            }
            vst1q_f32(mel + i, x);
        }
    }
    for (; i < MD_FRONTEND_MEL_FILTERS; i++) {
        mel[i] = scalar_log(mel[i]);
    }
}

#if MD_FRONTEND_DCT_COEFFICIENTS
/* md_frontend_helium_dct holds groups of four rows, column by column. */
static __attribute__((noinline)) void apply_dct(const float *log, float *coefficients) {
    const float *column = md_frontend_helium_dct;
    for (uint32_t i = 0; i < MD_FRONTEND_DCT_COEFFICIENTS; i += LANES) {
        float32x4_t sum = vdupq_n_f32(0.0f);
        for (uint32_t n = 0; n < MD_FRONTEND_MEL_FILTERS; n++) {
            sum = vaddq_f32(sum, vmulq_n_f32(vld1q_f32(column), log[n]));
            column += LANES;
        }
        vstrwq_p_f32(coefficients + i, sum, vctp32q(MD_FRONTEND_DCT_COEFFICIENTS - i));
    }
}

bool md_helium_dct_f32(const float *log, float *coefficients) {
    md_fp_clear();
    apply_dct(log, coefficients);
    return !md_fp_flushed();
}
#endif

#endif
