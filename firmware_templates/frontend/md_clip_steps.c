/* md_clip_steps.c: what is computed over the frames of a clip, once all are there: normalisation,
 * deltas, resizing; then layout and quantisation.
 *
 * The kept features are only read, so that a stream's next window can share them.
 * mcu_deploy/frontend/clip.py performs the same operations in the same order. */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "frontend_tables.h"
#include "md_frontend.h"
#include "md_kept.h"

/* Frames of the clip that is being finished. */
typedef struct {
    uint32_t first;
    uint32_t count;
} clip_t;

static inline float feature(md_kept_t kept) {
#if MD_FRONTEND_SPECTRAL
    return kept;
#else
    return (float)kept * MD_FRONTEND_SAMPLE_SCALE; /* by 1 or 1 / 32768: exact */
#endif
}

#if MD_FRONTEND_NORMALIZE_MEAN

static float means[MD_KEPT_ROW];

static void measure(const clip_t *clip) {
    memset(means, 0, sizeof means);
    for (uint32_t frame = 0; frame < clip->count; frame++) {
        const md_kept_t *const kept = md_kept_row(clip->first + frame);
        for (uint32_t i = 0; i < MD_KEPT_ROW; i++) {
            means[i] += feature(kept[i]);
        }
    }
    for (uint32_t i = 0; i < MD_KEPT_ROW; i++) {
        means[i] = means[i] / (float)clip->count;
    }
}

static inline float normalised(float x, uint32_t i) {
    return x - means[i];
}

#elif MD_FRONTEND_NORMALIZE_MIN_MAX

static float lowest, range;

static void measure(const clip_t *clip) {
    float highest = feature(md_kept_row(clip->first)[0]);
    lowest = highest;
    for (uint32_t frame = 0; frame < clip->count; frame++) {
        const md_kept_t *const kept = md_kept_row(clip->first + frame);
        for (uint32_t i = 0; i < MD_KEPT_ROW; i++) {
            const float x = feature(kept[i]);
            lowest = x < lowest ? x : lowest;
            highest = x > highest ? x : highest;
        }
    }
    range = highest - lowest;
}

/* All features alike, as in silence, are all 0. */
static inline float normalised(float x, uint32_t i) {
    (void)i;
    return range > 0.0f ? (x - lowest) / range : 0.0f;
}

#elif MD_FRONTEND_NORMALIZE_STANDARD

static float mean, deviation;
static bool
    alike; /* all features, as in silence: less their mean they are 0, but for its rounding */

/* Each frame is summed, then the frames: the rounding errors of a sum grow with its length. */
static void measure(const clip_t *clip) {
    const float elements = (float)(clip->count * MD_KEPT_ROW);
    const md_kept_t any = md_kept_row(clip->first)[0];
    float total = 0.0f, squares = 0.0f;
    alike = true;
    for (uint32_t frame = 0; frame < clip->count; frame++) {
        const md_kept_t *const kept = md_kept_row(clip->first + frame);
        float sum = 0.0f;
        for (uint32_t i = 0; i < MD_KEPT_ROW; i++) {
            sum += feature(kept[i]);
            alike = alike && kept[i] == any;
        }
        total += sum;
    }
    mean = total / elements;
    for (uint32_t frame = 0; frame < clip->count; frame++) {
        const md_kept_t *const kept = md_kept_row(clip->first + frame);
        float sum = 0.0f;
        for (uint32_t i = 0; i < MD_KEPT_ROW; i++) {
            const float difference = feature(kept[i]) - mean;
            sum += difference * difference;
        }
        squares += sum;
    }
    deviation = sqrtf(squares / elements) + MD_FRONTEND_NORMALIZATION_EPSILON;
}

static inline float normalised(float x, uint32_t i) {
    (void)i;
    return alike ? 0.0f : (x - mean) / deviation;
}

#else

static void measure(const clip_t *clip) {
    (void)clip;
}

static inline float normalised(float x, uint32_t i) {
    (void)i;
    return x;
}

#endif

static inline float normalised_at(const md_kept_t *kept, uint32_t i) {
    return normalised(feature(kept[i]), i);
}

/* One frame of the model's input: coefficient by coefficient its maps. */
static float prepared[MD_FRONTEND_INPUT_COEFFICIENTS * MD_FRONTEND_INPUT_MAPS];

/* Puts features, channel by channel, into the prepared frame as maps from `map` on. */
static void __attribute__((unused)) interleave(const float *row, uint32_t map) {
    for (uint32_t channel = 0; channel < MD_FRONTEND_CHANNELS; channel++) {
        for (uint32_t k = 0; k < MD_FRONTEND_COEFFICIENTS; k++) {
            prepared[k * MD_FRONTEND_INPUT_MAPS + map + channel] =
                row[channel * MD_FRONTEND_COEFFICIENTS + k];
        }
    }
}

static void hand_over(uint32_t frame, int8_t *input, md_frontend_observer_t observer,
                      void *context) {
    const float *value = prepared;
    for (uint32_t k = 0; k < MD_FRONTEND_INPUT_COEFFICIENTS; k++) {
        for (uint32_t map = 0; map < MD_FRONTEND_INPUT_MAPS; map++) {
            input[md_input_index(frame, k, map)] = md_quantised(*value++);
        }
    }
    if (observer != NULL) {
        observer(context, MD_FRONTEND_STAGE_PREPARED, frame, prepared, sizeof prepared);
    }
}

#if MD_FRONTEND_DELTAS

/* Features (order 0), deltas and their deltas of the latest frames. A delta needs REACH neighbours on
 * either side, so each order lags REACH frames behind the one before. */
enum { REACH = MD_FRONTEND_DELTA_WIDTH, WINDOW = 2 * REACH + 1, ORDERS = MD_FRONTEND_DELTAS + 1 };
static float recent[ORDERS][WINDOW][MD_KEPT_ROW];

static void slope(uint32_t order, uint32_t frame) {
    float *const row = recent[order][frame % WINDOW];
    for (uint32_t i = 0; i < MD_KEPT_ROW; i++) {
        float sum = 0.0f;
        for (uint32_t n = 1; n <= REACH; n++) {
            const float after = recent[order - 1][(frame + n) % WINDOW][i];
            const float before = recent[order - 1][(frame - n) % WINDOW][i];
            sum += md_frontend_delta_weights[n - 1] * (after - before);
        }
        row[i] = sum;
    }
}

static void prepare(const clip_t *clip, int8_t *input, md_frontend_observer_t observer,
                    void *context) {
    for (uint32_t newest = 0; newest < clip->count; newest++) {
        const md_kept_t *const kept = md_kept_row(clip->first + newest);
        for (uint32_t i = 0; i < MD_KEPT_ROW; i++) {
            recent[0][newest % WINDOW][i] = normalised_at(kept, i);
        }
        uint32_t order = 1;
        while (order < ORDERS && newest >= 2u * REACH * order) {
            slope(order, newest - REACH * order);
            order++;
        }
        if (order < ORDERS || newest < 2u * REACH * MD_FRONTEND_DELTAS) {
            continue;
        }
        const uint32_t centre = newest - REACH * MD_FRONTEND_DELTAS;
        for (order = 0; order < ORDERS; order++) {
            interleave(recent[order][centre % WINDOW], order * MD_FRONTEND_CHANNELS);
        }
        hand_over(centre - REACH * MD_FRONTEND_DELTAS, input, observer, context);
    }
}

#elif MD_FRONTEND_RESIZE

/* Between the features x and y of two frames or coefficients. */
static inline float between(float x, float y, float weight) {
    return x + (y - x) * weight;
}

static float across(const md_kept_t *kept, uint32_t channel, uint32_t k) {
    const uint32_t base = channel * MD_FRONTEND_COEFFICIENTS;
    return between(normalised_at(kept, base + md_frontend_resize_coefficient_low[k]),
                   normalised_at(kept, base + md_frontend_resize_coefficient_high[k]),
                   md_frontend_resize_coefficient_weight[k]);
}

static void prepare(const clip_t *clip, int8_t *input, md_frontend_observer_t observer,
                    void *context) {
    for (uint32_t frame = 0; frame < MD_FRONTEND_INPUT_FRAMES; frame++) {
        const md_kept_t *const low = md_kept_row(clip->first + md_frontend_resize_frame_low[frame]);
        const md_kept_t *const high =
            md_kept_row(clip->first + md_frontend_resize_frame_high[frame]);
        for (uint32_t k = 0; k < MD_FRONTEND_INPUT_COEFFICIENTS; k++) {
            for (uint32_t channel = 0; channel < MD_FRONTEND_CHANNELS; channel++) {
                prepared[k * MD_FRONTEND_INPUT_MAPS + channel] =
                    between(across(low, channel, k), across(high, channel, k),
                            md_frontend_resize_frame_weight[frame]);
            }
        }
        hand_over(frame, input, observer, context);
    }
}

#else

static void prepare(const clip_t *clip, int8_t *input, md_frontend_observer_t observer,
                    void *context) {
    static float row[MD_KEPT_ROW];
    for (uint32_t frame = 0; frame < MD_FRONTEND_INPUT_FRAMES; frame++) {
        const md_kept_t *const kept = md_kept_row(clip->first + frame);
        for (uint32_t i = 0; i < MD_KEPT_ROW; i++) {
            row[i] = frame < clip->count ? normalised_at(kept, i) : 0.0f;
        }
        interleave(row, 0);
        hand_over(frame, input, observer, context);
    }
}

#endif

void md_frontend_finish(uint32_t first, uint32_t count, int8_t *input,
                        md_frontend_observer_t observer, void *context) {
    const clip_t clip = {first, count};
    measure(&clip);
    prepare(&clip, input, observer, context);
    if (observer != NULL) {
        observer(context, MD_FRONTEND_STAGE_QUANTISED, 0, input, MD_FRONTEND_INPUT_BYTES);
    }
}
