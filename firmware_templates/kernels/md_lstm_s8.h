/* md_lstm_s8.h: UNIDIRECTIONAL_SEQUENCE_LSTM on int8, without peepholes, projection or layer
 * normalisation. The cells' state is int16.
 *
 * What enters a gate of cell c is, in Q3.12, x the input of a step and h the hidden state:
 *
 *     clamp(clamp(requantise(input_bias[c] + sum over i of x[i] * input_weights[c][i]))
 *           + clamp(requantise(hidden_bias[c] + sum over i of h[i] * hidden_weights[c][i])))
 *
 * Folded into the biases at generation: the zero points of input and hidden state. Guaranteed at
 * generation: no accumulator leaves the range of int32. */
#ifndef MD_LSTM_S8_H
#define MD_LSTM_S8_H

#include "md_lstm_cell.h"

typedef struct {
    const int8_t *input_weights;  /* [cells][inputs] */
    const int8_t *hidden_weights; /* [cells][cells] */
    const int32_t *input_bias;    /* [cells] */
    const int32_t *hidden_bias;   /* [cells] */
    int32_t input_multiplier;     /* multipliers and shifts as md_requantize takes them */
    int32_t input_shift;
    int32_t hidden_multiplier;
    int32_t hidden_shift;
} md_lstm_gate_s8_t;

typedef struct {
    md_lstm_gate_s8_t forget;
    md_lstm_gate_s8_t input;
    md_lstm_gate_s8_t modulation; /* what enters the cell */
    md_lstm_gate_s8_t output;
    md_lstm_cell_t cell;
} md_lstm_s8_t;

/* input: rows of `inputs` at [batch * batch_stride + step * step_stride], output: rows of `cells`
 * there; hidden[batches][cells] and cell[batches][cells] are kept from call to call. None may
 * overlap another. */
void md_lstm_s8(const md_lstm_s8_t *p, const int8_t *input, int8_t *hidden, int16_t *cell,
                int8_t *output);

#endif
