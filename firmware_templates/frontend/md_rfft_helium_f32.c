/* md_rfft_helium_f32.c: arm_rfft_fast_f32's numbers on Helium.
 *
 * A vector holds two complex values, and each lane sees the scalar code's operations in its order:
 * sums and differences (VCADD is one of each), and products rounded before they are added (VCMUL,
 * never VCMLA, which fuses). Two deviations touch only the sign of zeros, which the spectrum
 * squares away: values that the scalar code does not multiply are multiplied by 1 + 0i, and a - b
 * stands for the negative of b - a.
 *
 * A complex FFT of N/2 is, as in CMSIS-DSP, one split by 2 or 4 where N/2 is no power of 8,
 * then radix-8 stages. Each step but those in the middle reads one buffer and writes the other.
 * The last stage works on two butterflies whose results are neighbours, and writes them in
 * order: there is no bit reversal. */
#include "md_stages_helium_f32.h"

#if MD_HELIUM

#include <arm_mve.h>
#include <stddef.h>
#include <stdint.h>

#include "frontend_config.h"
#include "frontend_tables.h"

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

/* Elements n and n + 1 of each column. The scalar code walks the upper half of the columns
 * backwards, with the mirrored twiddles of the lower half, and forms some sums from x1 - x3. */
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

/* Keeps the compiler from having more vectors at hand than there are registers. */
#define BARRIER() __asm__ volatile("" ::: "memory")

#define INLINE static inline __attribute__((always_inline))

/* What two radix-8 butterflies, one in each half of the vectors, read and write. Spans, from leg to
 * leg, are in complex values. With a span above 1 the two stand side by side in `from`, and so do
 * their results in `to`; with a span of 1 `addresses` says where the two begin. */
typedef struct {
    uint32_t from_span, to_span;
    const float *from;
    uint64x2_t addresses;
    float *to;
    const float *twiddles; /* of the legs 1 to 7; NULL where they are not multiplied */
} butterflies_t;

INLINE float32x4_t load(const butterflies_t *these, uint32_t leg) {
    if (these->from_span == 1u) {
        const int bytes = 8 * (int)leg;
        return vreinterpretq_f32_u64(vldrdq_gather_base_u64(these->addresses, bytes));
    }
    return vld1q_f32(these->from + leg * COMPLEX * these->from_span);
}

INLINE float *place(const butterflies_t *these, uint32_t leg) {
    return these->to + leg * COMPLEX * these->to_span;
}

INLINE void store(const butterflies_t *these, uint32_t leg, float32x4_t y) {
    if (these->twiddles != NULL && leg != 0u) {
        y = product(vld1q_f32(these->twiddles + (leg - 1u) * VECTOR), y);
    }
    vst1q_f32(place(these, leg), y);
    BARRIER();
}

/* Eight registers hold the eight legs, but nothing besides: two differences wait in memory, where
 * later the legs 1 and 5 are written. In a stage in place those have been read by then. */
INLINE void compute(const butterflies_t *these) {
    const float32x4_t x0 = load(these, 0), x4 = load(these, 4);
    const float32x4_t x2 = load(these, 2), x6 = load(these, 6);
    const float32x4_t x1 = load(these, 1), x5 = load(these, 5);
    const float32x4_t sum04 = vaddq_f32(x0, x4), sum26 = vaddq_f32(x2, x6);
    vst1q_f32(place(these, 1), vsubq_f32(x0, x4));
    vst1q_f32(place(these, 5), vsubq_f32(x2, x6));
    const float32x4_t sum15 = vaddq_f32(x1, x5), rest15 = vsubq_f32(x1, x5);
    const float32x4_t x3 = load(these, 3), x7 = load(these, 7);
    const float32x4_t sum37 = vaddq_f32(x3, x7), rest37 = vsubq_f32(x3, x7);

    const float32x4_t even = vaddq_f32(sum04, sum26), even_rest = vsubq_f32(sum04, sum26);
    const float32x4_t odd = vaddq_f32(sum15, sum37), odd_rest = vsubq_f32(sum15, sum37);
    store(these, 0, vaddq_f32(even, odd));
    store(these, 4, vsubq_f32(even, odd));
    store(these, 2, vcaddq_rot270_f32(even_rest, odd_rest));
    store(these, 6, vcaddq_rot90_f32(even_rest, odd_rest));

    const float c81 = 0.70710678118f;
    const float32x4_t p = vmulq_n_f32(vsubq_f32(rest15, rest37), c81);
    const float32x4_t q = vmulq_n_f32(vaddq_f32(rest15, rest37), c81);
    const float32x4_t rest04 = vld1q_f32(place(these, 1)), rest26 = vld1q_f32(place(these, 5));
    const float32x4_t a = vaddq_f32(rest04, p), b = vaddq_f32(rest26, q);
    const float32x4_t c = vsubq_f32(rest04, p), d = vsubq_f32(rest26, q);
    store(these, 1, vcaddq_rot270_f32(a, b));
    store(these, 7, vcaddq_rot90_f32(a, b));
    store(these, 5, vcaddq_rot270_f32(c, d));
    store(these, 3, vcaddq_rot90_f32(c, d));
}

/* A stage whose legs lie `span` complex values apart, in place or not. `twiddles` holds, for each
 * two butterflies of a group, those of the legs 1 to 7. */
INLINE void stage(const float *from, float *to, uint32_t span, const float *twiddles) {
    butterflies_t these = {.from_span = span, .from = from, .to_span = span, .to = to};
    for (uint32_t group = 0; group < LENGTH; group += 8u * span) {
        these.twiddles = twiddles;
        for (uint32_t n = 0; n < span; n += 2u) {
            compute(&these);
            these.twiddles += 7 * VECTOR;
            these.from += VECTOR;
            these.to += VECTOR;
        }
        these.from += 7u * COMPLEX * span;
        these.to += 7u * COMPLEX * span;
    }
}

/* The stage whose legs are neighbours, into the order of the frequencies.
 * md_frontend_helium_sources says where the butterfly of each second frequency begins; that of the
 * next lies `spacing` bytes further. */
INLINE void last_stage(const float *from, float *to) {
    const uint32_t spacing = 8u * (COLUMNS == 1u ? LENGTH / 8u : COLUMN);
    const uint32x4_t spaces = {0u, 0u, spacing, 0u};
    butterflies_t these = {.from_span = 1u, .to_span = LENGTH / 8u, .to = to};
    for (uint32_t pair = 0; pair < LENGTH / 16u; pair++) {
        const uint32_t start = (uint32_t)(uintptr_t)from + md_frontend_helium_sources[pair];
        these.addresses = vreinterpretq_u64_u32(vaddq_n_u32(spaces, start));
        compute(&these);
        these.to += VECTOR;
    }
}

/* Bins k and k + 1 of the real FFT, k from 1 to LENGTH - 2. With a = x[k], b the conjugate of
 * x[LENGTH - k] and t = b - a:
 * ((a + b) + {sin * t.re, cos * t.re}) + {-cos * t.im, sin * t.im}, halved. */
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

#endif
