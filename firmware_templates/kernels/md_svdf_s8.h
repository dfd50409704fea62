/* md_svdf_s8.h: SVDF: a convolution over time, factored into weights of the features and weights of
 * the time, with the filters' latest values as its state.
 *
 * Filter f turns an input into one value, which joins the `memory` latest ones of f in the state; a
 * unit sums the time-weighted values of its `rank` filters:
 *
 *     value[f] = clamp(requantise(feature_bias[f] + sum over i of x[i] * feature_weights[f][i]))
 *                + state_zero_point
 *     y[u] = clamp(requantise(bias[u] + sum over f of u, m of state[f][m] * time_weights[f][m])
 *                  + output_zero_point)
 *
 * Folded into the biases at generation: the zero points of input and state. Guaranteed at
 * generation: no accumulator of features leaves the range of int32. That of a unit wraps, as TFLM's
 * does. */
#ifndef MD_SVDF_S8_H
#define MD_SVDF_S8_H

#include <stdint.h>

/* A multiplier is 2^30 to 2^31 - 1, or 0; a shift -31 to 30, positive to the left. All sizes are at
 * least 1. */
typedef struct {
    const int8_t *feature_weights; /* [units * rank][inputs] */
    const int32_t *feature_bias;   /* [units * rank] */
    const void *time_weights;      /* [units * rank][memory], elements as the state's */
    const int32_t *bias;           /* [units] */
    int32_t batches;
    int32_t inputs;
    int32_t units;
    int32_t rank;
    int32_t memory;
    int32_t feature_multiplier;
    int32_t feature_shift;
    int32_t state_zero_point;
    int32_t output_multiplier;
    int32_t output_shift;
    int32_t output_zero_point;
} md_svdf_s8_t;

/* input[batches][inputs], state[batches][units * rank][memory], the oldest value first,
 * output[batches][units]. None may overlap another. Names as CMSIS-NN's. */
void md_svdf_s8(const md_svdf_s8_t *p, const int8_t *input, int8_t *state, int8_t *output);

/* As md_svdf_s8, with time weights and state of int16. */
void md_svdf_state_s16_s8(const md_svdf_s8_t *p, const int8_t *input, int16_t *state,
                          int8_t *output);

#endif
