/* md_rfft_helium_f32.c: arm_rfft_fast_f32's numbers on Helium.
 *
 * A vector holds two complex values, and each lane sees the scalar code's operations in its order:
 * sums and differences (VCADD is one of each), and products rounded before they are added (VCMUL, never
 * VCMLA, which fuses). Two deviations touch only the sign of zeros, which the spectrum squares away:
 * values that the scalar code does not multiply are multiplied by 1 + 0i, and a - b stands for the
 * negative of b - a.
 *
 * A complex FFT of N/2 is, as in CMSIS-DSP, one split by 2 or 4 where N/2 is no power of 8, then radix-8
 * stages. Each step but those in the middle reads one buffer and writes the other. The last stage works
 * on two butterflies whose results are neighbours, and writes them in order: there is no bit reversal. */
#include <arm_mve.h>
#include <stdint.h>

#include "frontend_config.h"
#include "frontend_tables.h"
#include "md_stages_helium_f32.h"

#define LENGTH (MD_FRONTEND_FFT_SIZE / 2u) /* complex values */

#if LENGTH == 16u || LENGTH == 128u || LENGTH == 1024u
#define COLUMNS 2u
#elif LENGTH == 32u || LENGTH == 256u || LENGTH == 2048u
#define COLUMNS 4u
#else
#define COLUMNS 1u
#endif

#define COLUMN (LENGTH / COLUMNS) /* a power of 8 */

/* Floats in a complex value, and in a vector. */
enum { COMPLEX = 2, VECTOR = 4 };

/* Of x and the conjugate of w. */
static inline float32x4_t product(float32x4_t w, float32x4_t x) {
    return vaddq_f32(vcmulq_f32(w, x), vcmulq_rot270_f32(w, x));
}

#if COLUMNS == 2u
static void split_by_2(const float *from, float *to) {
    const float *twiddle = md_frontend_cfft_twiddle;
    for (uint32_t n = 0; n < COLUMN; n += 2u) {
        const float32x4_t a = vld1q_f32(from);
        const float32x4_t b = vld1q_f32(from + COMPLEX * COLUMN);
        vst1q_f32(to, vaddq_f32(a, b));
        vst1q_f32(to + COMPLEX * COLUMN, product(vld1q_f32(twiddle), vsubq_f32(a, b)));
        from += VECTOR;
        to += VECTOR;
        twiddle += VECTOR;
    }
}
#endif

#if COLUMNS == 4u
/* Two complex values, `step` apart, of the table. */
static inline float32x4_t spread_twiddles(const float *from, uint32_t step) {
    const uint32x4_t index = {0u, 1u, COMPLEX * step, COMPLEX * step + 1u};
    return vldrwq_gather_shifted_offset_f32(from, index);
}

/* Elements n and n + 1 of each column. The scalar code walks the upper half of the columns backwards, with
 * the mirrored twiddles of the lower half, and forms some sums from x1 - x3. */
static inline void split_pair(const float *from, float *to, uint32_t n, int upper) {
    const float *const source = from + COMPLEX * n;
    float *const result = to + COMPLEX * n;
    const float32x4_t x0 = vld1q_f32(source);
    const float32x4_t x1 = vld1q_f32(source + COMPLEX * COLUMN);
    const float32x4_t x2 = vld1q_f32(source + 2u * COMPLEX * COLUMN);
    const float32x4_t x3 = vld1q_f32(source + 3u * COMPLEX * COLUMN);
    const float32x4_t sum = vaddq_f32(x0, x2);
    const float32x4_t difference = vsubq_f32(x0, x2);

    float32x4_t y1 = vcaddq_rot90_f32(vcaddq_rot270_f32(difference, x1), x3);
    const float32x4_t y2 = vsubq_f32(vsubq_f32(sum, x1), x3);
    float32x4_t y3 = vcaddq_rot270_f32(vcaddq_rot90_f32(difference, x1), x3);
    if (upper) {
        /* Not a constant: GCC 12 makes a wrong one of 0x0F0F. */
        const uint32x4_t parts = {0u, 1u, 0u, 1u};
        const mve_pred16_t real_parts = vcmpeqq_n_u32(parts, 0u);
        const float32x4_t rest = vsubq_f32(x1, x3);
        y1 = vpselq_f32(vcaddq_rot270_f32(difference, rest), y1, real_parts);
        y3 = vcaddq_rot90_f32(difference, rest);
    }
    const float *const twiddle = md_frontend_cfft_twiddle;
    vst1q_f32(result, vaddq_f32(vaddq_f32(sum, x1), x3));
    vst1q_f32(result + COMPLEX * COLUMN, product(vld1q_f32(twiddle + COMPLEX * n), y1));
    vst1q_f32(result + 2u * COMPLEX * COLUMN,
              product(spread_twiddles(twiddle + 2u * COMPLEX * n, 2u), y2));
    vst1q_f32(result + 3u * COMPLEX * COLUMN,
              product(spread_twiddles(twiddle + 3u * COMPLEX * n, 3u), y3));
}

static void split_by_4(const float *from, float *to) {
    for (uint32_t n = COLUMN / 2u; n < COLUMN; n += 2u) {
        split_pair(from, to, n, 1);
    }
    for (uint32_t n = 0; n < COLUMN / 2u; n += 2u) {
        split_pair(from, to, n, 0);
    }
    split_pair(from, to, COLUMN / 2u - 1u, 0); /* the middle belongs to the lower half */
}
#endif

/* Two radix-8 butterflies, one in each half of the vectors. */
typedef struct {
    float32x4_t leg0, leg1, leg2, leg3, leg4, leg5, leg6, leg7;
} butterflies_t;

static inline butterflies_t butterflies(const butterflies_t *x) {
    const float c81 = 0.70710678118f;
    butterflies_t y;
    const float32x4_t a = vaddq_f32(x->leg0, x->leg4), e = vsubq_f32(x->leg0, x->leg4);
    const float32x4_t c = vaddq_f32(x->leg2, x->leg6), g = vsubq_f32(x->leg2, x->leg6);
    const float32x4_t b = vaddq_f32(x->leg1, x->leg5), f = vsubq_f32(x->leg1, x->leg5);
    const float32x4_t d = vaddq_f32(x->leg3, x->leg7), h = vsubq_f32(x->leg3, x->leg7);

    const float32x4_t ac = vaddq_f32(a, c), a_c = vsubq_f32(a, c);
    const float32x4_t bd = vaddq_f32(b, d), b_d = vsubq_f32(b, d);
    y.leg0 = vaddq_f32(ac, bd);
    y.leg4 = vsubq_f32(ac, bd);
    y.leg2 = vcaddq_rot270_f32(a_c, b_d);
    y.leg6 = vcaddq_rot90_f32(a_c, b_d);

    const float32x4_t p = vmulq_n_f32(vsubq_f32(f, h), c81);
    const float32x4_t q = vmulq_n_f32(vaddq_f32(f, h), c81);
    const float32x4_t ep = vaddq_f32(e, p), e_p = vsubq_f32(e, p);
    const float32x4_t gq = vaddq_f32(g, q), g_q = vsubq_f32(g, q);
    y.leg1 = vcaddq_rot270_f32(ep, gq);
    y.leg7 = vcaddq_rot90_f32(ep, gq);
    y.leg5 = vcaddq_rot270_f32(e_p, g_q);
    y.leg3 = vcaddq_rot90_f32(e_p, g_q);
    return y;
}

/* A stage whose legs lie `span` complex values apart, in place or not. `twiddles` holds, for each two
 * butterflies of a group, those of the legs 1 to 7. */
static inline __attribute__((always_inline)) void stage(const float *from, float *to, uint32_t span,
                                                        const float *twiddles) {
    const uint32_t step = COMPLEX * span;
    for (uint32_t group = 0; group < LENGTH; group += 8u * span) {
        const float *w = twiddles;
        for (uint32_t n = 0; n < span; n += 2u) {
            const butterflies_t x = {
                vld1q_f32(from),
                vld1q_f32(from + step),
                vld1q_f32(from + 2u * step),
                vld1q_f32(from + 3u * step),
                vld1q_f32(from + 4u * step),
                vld1q_f32(from + 5u * step),
                vld1q_f32(from + 6u * step),
                vld1q_f32(from + 7u * step),
            };
            const butterflies_t y = butterflies(&x);
            vst1q_f32(to, y.leg0);
            vst1q_f32(to + 4u * step, product(vld1q_f32(w + 3 * VECTOR), y.leg4));
            vst1q_f32(to + 2u * step, product(vld1q_f32(w + VECTOR), y.leg2));
            vst1q_f32(to + 6u * step, product(vld1q_f32(w + 5 * VECTOR), y.leg6));
            vst1q_f32(to + step, product(vld1q_f32(w), y.leg1));
            vst1q_f32(to + 7u * step, product(vld1q_f32(w + 6 * VECTOR), y.leg7));
            vst1q_f32(to + 5u * step, product(vld1q_f32(w + 4 * VECTOR), y.leg5));
            vst1q_f32(to + 3u * step, product(vld1q_f32(w + 2 * VECTOR), y.leg3));
            w += 7 * VECTOR;
            from += VECTOR;
            to += VECTOR;
        }
        from += 7u * step;
        to += 7u * step;
    }
}

/* The stage whose legs are neighbours, into the order of the frequencies. md_frontend_helium_sources says
 * where the butterfly of each second frequency begins; that of the next lies `spacing` bytes further. */
static inline void last_stage(const float *from, float *to) {
    const uint32_t spacing = 8u * (COLUMNS == 1u ? LENGTH / 8u : COLUMN);
    const uint32x4_t spaces = {0u, 0u, spacing, 0u};
    const uint32_t step = COMPLEX * LENGTH / 8u;
    for (uint32_t pair = 0; pair < LENGTH / 16u; pair++) {
        const uint32_t start = (uint32_t)(uintptr_t)from + md_frontend_helium_sources[pair];
        const uint64x2_t at = vreinterpretq_u64_u32(vaddq_n_u32(spaces, start));
        const butterflies_t x = {
            vreinterpretq_f32_u64(vldrdq_gather_base_u64(at, 0)),
            vreinterpretq_f32_u64(vldrdq_gather_base_u64(at, 8)),
            vreinterpretq_f32_u64(vldrdq_gather_base_u64(at, 16)),
            vreinterpretq_f32_u64(vldrdq_gather_base_u64(at, 24)),
            vreinterpretq_f32_u64(vldrdq_gather_base_u64(at, 32)),
            vreinterpretq_f32_u64(vldrdq_gather_base_u64(at, 40)),
            vreinterpretq_f32_u64(vldrdq_gather_base_u64(at, 48)),
            vreinterpretq_f32_u64(vldrdq_gather_base_u64(at, 56)),
        };
        const butterflies_t y = butterflies(&x);
        vst1q_f32(to, y.leg0);
        vst1q_f32(to + 4u * step, y.leg4);
        vst1q_f32(to + 2u * step, y.leg2);
        vst1q_f32(to + 6u * step, y.leg6);
        vst1q_f32(to + step, y.leg1);
        vst1q_f32(to + 7u * step, y.leg7);
        vst1q_f32(to + 5u * step, y.leg5);
        vst1q_f32(to + 3u * step, y.leg3);
        to += VECTOR;
    }
}

/* Bins k and k + 1 of the real FFT, k from 1 to LENGTH - 2. With a = x[k], b the conjugate of
 * x[LENGTH - k] and t = b - a:  ((a + b) + {sin t.re, cos t.re}) + {-cos t.im, sin t.im}, halved. */
static inline void real_pair(const float *x, float *fft, uint32_t k) {
    const uint64x2_t backwards = {8u, 0u};
    const uint32x4_t imaginary_signs = {0u, 0x80000000u, 0u, 0x80000000u};
    const float32x4_t w = vld1q_f32(md_frontend_rfft_twiddle + COMPLEX * k);
    const float32x4_t a = vld1q_f32(x + COMPLEX * k);
    const void *const mirrored = x + COMPLEX * (LENGTH - 1u - k);
    const uint64x2_t b_bits = vldrdq_gather_offset_u64((const uint64_t *)mirrored, backwards);
    const float32x4_t b =
        vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_u64(b_bits), imaginary_signs));
    const float32x4_t t = vsubq_f32(b, a);
    float32x4_t sum = vaddq_f32(vaddq_f32(a, b), vcmulq_f32(t, w));
    sum = vaddq_f32(sum, vcmulq_rot90_f32(t, w));
    vst1q_f32(fft + COMPLEX * k, vmulq_n_f32(sum, 0.5f));
}

/* The bins that the spectrum needs, from the complex FFT of the even and odd samples. */
static void real_bins(const float *x, float *fft) {
    const float twice_re = x[0] + x[0], twice_im = x[1] + x[1];
    fft[0] = 0.5f * (twice_re + twice_im);
    fft[1] = 0.5f * (twice_re - twice_im);
    real_pair(x, fft, 1u);
    for (uint32_t k = 2u + MD_FRONTEND_SPECTRUM_BINS % 2u; k < MD_FRONTEND_SPECTRUM_BINS; k += 2u) {
        real_pair(x, fft, k);
    }
}

static __attribute__((noinline)) void transform(float *windowed, float *fft) {
#if COLUMNS == 2u
    split_by_2(windowed, fft);
#elif COLUMNS == 4u
    split_by_4(windowed, fft);
#endif
#if COLUMN == 512u
    stage(COLUMNS == 1u ? windowed : fft, fft, 64u, md_frontend_helium_twiddles);
    stage(fft, fft, 8u, md_frontend_helium_twiddles + 7u * COMPLEX * 64u);
#elif COLUMN == 64u
    stage(COLUMNS == 1u ? windowed : fft, fft, 8u, md_frontend_helium_twiddles);
#endif
    last_stage(fft, windowed);
    real_bins(windowed, fft);
}

bool md_helium_rfft_f32(float *windowed, float *fft) {
    md_fp_clear();
    transform(windowed, fft);
    return !md_fp_flushed();
}
