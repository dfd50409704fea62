/* md_fixed.c: the stages of a frame in fixed point, on CMSIS-DSP's functions. */
#include "md_fixed.h"

#include "dsp/basic_math_functions.h"
#include "dsp/fast_math_functions.h"
#include "dsp/matrix_functions.h"
#include "dsp/statistics_functions.h"
#include "frontend_tables.h"
#include "md_frontend_math.h"

enum {
    MEL_FILTERS = MD_FRONTEND_MEL_FILTERS,
    BINS = MD_FRONTEND_SPECTRUM_BINS,
    FRAME_SAMPLES = MD_FRONTEND_FRAME_SAMPLES,
    POWER = MD_FRONTEND_SPECTRUM_POWER ? 2 : 1,
    LOG_OF_ZERO = -256 /* an exponent below every floor */
};

#if MD_FRONTEND_SPECTRUM_POWER
typedef q63_t spectrum_t;
enum { MEL_BITS = 49 }; /* fraction bits of a mel value where nothing was shifted, and N = 1 */
#else
typedef q31_t spectrum_t;
enum { MEL_BITS = 48 };
#endif

#define LN2_Q32 INT64_C(2977044472)

#if !MD_FRONTEND_SPECTRUM_POWER && !defined(MD_FRONTEND_RFFT_INIT)
/* What arm_sqrt_q31 starts from: 2^28 / sqrt((i + 8) / 32). CMSIS-DSP has it in a file with every table
 * that it has. */
extern const q31_t sqrt_initial_lut_q31[32];
const q31_t sqrt_initial_lut_q31[32] = {
    536870912, 506166750, 480191942, 457845052, 438353264, 421156193, 405836263, 392075079,
    379625062, 368290407, 357913941, 348367849, 339546978, 331363921, 323745341, 316629190,
    309962566, 303700050, 297802400, 292235509, 286969573, 281978417, 277238947, 272730696,
    268435456, 264336964, 260420644, 256673389, 253083375, 249639903, 246333269, 243154642,
};
#endif

/* Bits of a number above zero. */
static int32_t size_of(uint64_t value) {
    const uint32_t high = (uint32_t)(value >> 32);
    return high != 0 ? 64 - (int32_t)__CLZ(high) : 32 - (int32_t)__CLZ((uint32_t)value);
}

#if MD_FRONTEND_FIXED_PRE_EMPHASIS
static void pre_emphasise(q31_t *samples) {
    for (uint32_t n = FRAME_SAMPLES; n-- > 0;) {
        const q63_t before = samples[n == 0 ? 0 : n - 1];
        samples[n] -= (q31_t)((before * (q31_t)MD_FRONTEND_FIXED_PRE_EMPHASIS) >> 30);
    }
}
#endif

md_fixed_scale_t md_fixed_samples(const int16_t *pcm, int32_t *samples) {
    for (uint32_t n = 0; n < FRAME_SAMPLES; n++) {
        samples[n] = pcm[n * MD_FRONTEND_CHANNELS] * (1 << (16 - MD_FRONTEND_FIXED_HEADROOM));
    }
#if MD_FRONTEND_DC_REMOVAL
    q31_t mean;
    arm_mean_q31(samples, FRAME_SAMPLES, &mean);
    arm_offset_q31(samples, -mean, samples, FRAME_SAMPLES);
#endif
#if MD_FRONTEND_FIXED_PRE_EMPHASIS
    pre_emphasise(samples);
#endif
    md_fixed_scale_t scale = {-(int32_t)MD_FRONTEND_FIXED_HEADROOM, 1};
    q31_t peak;
    uint32_t index;
    arm_absmax_q31(samples, FRAME_SAMPLES, &peak, &index);
    if (peak != 0) {
        int32_t shift = 31 - size_of((uint32_t)peak);
        while (((uint64_t)(uint32_t)peak << (shift + 2)) >
               ((uint64_t)MD_FRONTEND_FIXED_PEAK << 2)) {
            shift--;
        }
        arm_shift_q31(samples, (int8_t)shift, samples, FRAME_SAMPLES);
        scale.shift += shift;
        scale.silent = 0;
    }
    return scale;
}

/* Shifts the parts up until the largest has 30 bits. Returns by how much. */
static int32_t normalise(q31_t *fft) {
    q31_t peak;
    uint32_t index;
    arm_absmax_q31(fft, 2 * BINS, &peak, &index);
    const int32_t shift = peak != 0 ? 30 - size_of((uint32_t)peak) : 0;
    arm_shift_q31(fft, (int8_t)shift, fft, 2 * BINS);
    return shift;
}

#if MD_FRONTEND_SPECTRUM_POWER
static spectrum_t of_power(q63_t power) {
    return power;
}

/* Of the products without their last 44 bits. */
static q63_t weighted_sum(const q63_t *powers, const q31_t *weights, uint32_t length) {
    q63_t sum = 0;
    for (uint32_t i = 0; i < length; i++) {
        const q63_t high = (q31_t)(powers[i] >> 30) * (q63_t)weights[i];
        const q63_t low = (q31_t)(powers[i] & ((1 << 30) - 1)) * (q63_t)weights[i];
        sum += (high >> 14) + (low >> 44);
    }
    return sum;
}
#else
/* The square root: of the upper 30 or 31 bits, an odd number of bits being left away or put behind. */
static spectrum_t of_power(q63_t power) {
    const int32_t odd = (size_of((uint64_t)power) - 31) | 1;
    q31_t root;
    arm_sqrt_q31((q31_t)(odd > 0 ? power >> odd : power << -odd), &root);
    return root >> ((31 - odd) / 2);
}

static q63_t weighted_sum(const q31_t *magnitudes, const q31_t *weights, uint32_t length) {
    q63_t sum;
    arm_dot_prod_q31(magnitudes, weights, length, &sum);
    return sum;
}
#endif

static void spectrum_of(const q31_t *fft, spectrum_t *spectrum) {
    for (uint32_t k = 0; k < BINS; k++) {
        const q63_t real = fft[2 * k];
        const q63_t imaginary = fft[2 * k + 1];
        spectrum[k] = of_power(real * real + imaginary * imaginary);
    }
}

static void apply_mel_filters(const spectrum_t *spectrum, q63_t *mel) {
    const q31_t *weights = md_frontend_mel_weights;
    for (uint32_t i = 0; i < MEL_FILTERS; i++) {
        const uint32_t length = md_frontend_mel_length[i];
        mel[i] = weighted_sum(spectrum + md_frontend_mel_first[i], weights, length);
        weights += length;
    }
}

/* A mel value that is one bit of the FFT, at the largest weight: after the FFT was shifted. */
static q63_t least_mel(int32_t shift) {
    const int32_t place = MEL_BITS - POWER * (int32_t)MD_FRONTEND_FIXED_BITS + POWER * shift;
    return place > 0 ? (q63_t)1 << place : 1;
}

/* Splits each of the mel values, which have `scale` fraction bits, plus the offset, into
 * mantissa (q31) * 2^exponent: the exponents take the place of `mel`. Filters without weights may go
 * below `least`. */
static void split_mel(q63_t *mel, int32_t scale, q63_t least, q31_t *mantissas) {
    int32_t shift = 0;
    q63_t offset = 0;
#if MD_FRONTEND_FIXED_LOG_OFFSET
    int32_t place = scale - (int32_t)MD_FRONTEND_FIXED_LOG_OFFSET_SCALE;
    if (place > 30) { /* the offset's bits would run out of the sum's */
        shift = place - 30;
        place = 30;
    }
    if (place >= 0) {
        offset = (q63_t)MD_FRONTEND_FIXED_LOG_OFFSET << place;
    } else if (place > -32) {
        offset = (q63_t)MD_FRONTEND_FIXED_LOG_OFFSET >> -place;
    }
#endif
    const int32_t clear = shift < 63 ? shift : 63;
    for (uint32_t i = 0; i < MEL_FILTERS; i++) {
        q63_t value = (mel[i] >> clear) + offset;
        if (md_frontend_mel_length[i] != 0 && value < (least >> clear)) {
            value = least >> clear;
        }
        if (value == 0) {
            mantissas[i] = 1 << 30;
            mel[i] = LOG_OF_ZERO;
        } else {
            const int32_t size = size_of((uint64_t)value);
            mantissas[i] = (q31_t)(size > 31 ? value >> (size - 31) : value << (31 - size));
            mel[i] = size - scale + shift;
        }
    }
}

/* The logarithms of mantissa * 2^exponent, in place of the mantissas. */
static void log_of(const q63_t *exponents, q31_t *mantissas) {
    arm_vlog_q31(mantissas, mantissas, MEL_FILTERS);
    for (uint32_t i = 0; i < MEL_FILTERS; i++) {
        const q63_t natural = mantissas[i] + ((exponents[i] * LN2_Q32) >> 6); /* q26 */
        const q63_t log = (natural * (q63_t)MD_FRONTEND_FIXED_LOG_FACTOR) >>
                          (52 - (int32_t)MD_FRONTEND_FIXED_LOG_FRACTION);
        const q63_t floor = -(q63_t)MD_FRONTEND_FIXED_LOG_DEPTH;
        mantissas[i] = (q31_t)(log < floor ? floor : log);
    }
}

void md_fixed_features(md_fixed_buffer_t *fft, md_fixed_scale_t scale, md_fixed_buffer_t *work,
                       const md_observation_t *to, float *features) {
    const int32_t shift = normalise(fft->q31);
#if MD_FRONTEND_SPECTRUM_POWER
    spectrum_t *const spectrum = work->q63;
#else
    spectrum_t *const spectrum = work->q31;
#endif
    spectrum_of(fft->q31, spectrum);
    md_observe(to, MD_FRONTEND_STAGE_SPECTRUM, spectrum, BINS * sizeof *spectrum);
    q63_t *const mel = fft->q63;
    apply_mel_filters(spectrum, mel);
    md_observe(to, MD_FRONTEND_STAGE_MEL, mel, MEL_FILTERS * sizeof *mel);

    q31_t *const log = work->q31;
    const int32_t mel_scale = (int32_t)MD_FRONTEND_FIXED_MEL_SCALE + POWER * (scale.shift + shift);
    split_mel(mel, mel_scale, scale.silent ? 0 : least_mel(shift), log);
    log_of(mel, log);
    md_observe(to, MD_FRONTEND_STAGE_LOG, log, MEL_FILTERS * sizeof(q31_t));

    const q31_t *last = log;
#if MD_FRONTEND_DCT_COEFFICIENTS
    static const arm_matrix_instance_q31 dct = {
        .numRows = MD_FRONTEND_DCT_COEFFICIENTS,
        .numCols = MEL_FILTERS,
        .pData = (q31_t *)md_frontend_dct, /* only read */
    };
    q31_t *const coefficients = fft->q31;
    arm_mat_vec_mult_q31(&dct, log, coefficients);
    md_observe(to, MD_FRONTEND_STAGE_DCT, coefficients,
               MD_FRONTEND_DCT_COEFFICIENTS * sizeof(q31_t));
    last = coefficients;
#endif
    const float unit = 1.0f / (float)(1u << MD_FRONTEND_FIXED_FEATURE_FRACTION);
    for (uint32_t i = 0; i < MD_FRONTEND_COEFFICIENTS; i++) {
        features[i] = md_standardise((float)last[i] * unit);
    }
    md_observe(to, MD_FRONTEND_STAGE_FEATURES, features,
               MD_FRONTEND_COEFFICIENTS * sizeof *features);
}
