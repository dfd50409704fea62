/* md_lstm_s16.h: UNIDIRECTIONAL_SEQUENCE_LSTM on int16 with int8 weights, without peepholes,
 * projection or layer normalisation.
 *
 * As md_lstm_s8.h, with accumulators of 64 bits; the zero points of input and hidden state are 0.
 * Guaranteed at generation: no accumulator reaches 2^47. */
#ifndef MD_LSTM_S16_H
#define MD_LSTM_S16_H

#include "md_lstm_cell.h"

typedef struct {
    const int8_t *input_weights;  /* [cells][inputs] */
    const int8_t *hidden_weights; /* [cells][cells] */
    const int64_t *input_bias;    /* [cells] */
    int32_t input_multiplier;     /* multipliers and shifts as md_requantize_wide takes them */
    int32_t input_shift;
    int32_t hidden_multiplier;
    int32_t hidden_shift;
} md_lstm_gate_s16_t;

typedef struct {
    md_lstm_gate_s16_t forget;
    md_lstm_gate_s16_t input;
    md_lstm_gate_s16_t modulation; /* what enters the cell */
    md_lstm_gate_s16_t output;
    md_lstm_cell_t cell;
} md_lstm_s16_t;

/* As md_lstm_s8. */
void md_lstm_s16(const md_lstm_s16_t *p, const int16_t *input, int16_t *hidden, int16_t *cell,
                 int16_t *output);

#endif
