/* md_lstm_cell.h: what follows the gates of an LSTM cell, in 16-bit fixed point; shared by
 * md_lstm_s8.h and md_lstm_s16.h.
 *
 *     cell = clamp(forget * cell + input * modulation)
 *     hidden = output * tanh(cell)
 *
 * LOGISTIC and TANH are those of md_sigmoid_q15.h. */
#ifndef MD_LSTM_CELL_H
#define MD_LSTM_CELL_H

#include "md_requantize.h"
#include "md_sigmoid_q15.h"

#include <stdint.h>

/* Inputs and outputs, and how the cell goes on. Multipliers and shifts as md_requantize takes them.
 */
typedef struct {
    const uint16_t *sigmoid; /* [256]: of i / 24, in units of 2^-16 */
    int32_t batches;
    int32_t steps;        /* of time */
    int32_t batch_stride; /* between batches of input and output, in steps */
    int32_t step_stride;  /* between steps of input and output, in steps */
    int32_t inputs;
    int32_t cells;
    int32_t forget_multiplier; /* forget * cell to the cell's scale */
    int32_t forget_shift;
    int32_t input_multiplier; /* input * modulation to the cell's scale */
    int32_t input_shift;
    int32_t cell_min; /* -32768 <= cell_min <= cell_max <= 32767 */
    int32_t cell_max;
    int32_t tanh_multiplier; /* (cell * tanh_multiplier + tanh_round) >> tanh_shift is */
    int32_t tanh_round;      /* the cell in units of 2^-12 / 3, in 32 bits */
    int32_t tanh_shift;
    int32_t output_multiplier; /* output * tanh to the scale of the hidden state */
    int32_t output_shift;
    int32_t output_zero_point;
} md_lstm_cell_t;

/* x limited to 16 bits. */
static inline int32_t md_clamp_s16(int32_t x) {
    return md_clamp(x, INT16_MIN, INT16_MAX);
}

/* One cell: the sums that enter its gates, Q3.12; returns the new hidden value before it is limited
 * to its element type. */
static inline int32_t md_lstm_cell(const md_lstm_cell_t *p, int16_t *cell, int32_t forget,
                                   int32_t input, int32_t modulation, int32_t output) {
    const int32_t kept = md_logistic_q15(p->sigmoid, 3 * forget) * *cell;
    const int32_t entering =
        md_logistic_q15(p->sigmoid, 3 * input) * md_tanh_q15(p->sigmoid, 3 * modulation);
    const int32_t sum = md_clamp_s16(md_requantize(kept, p->forget_multiplier, p->forget_shift)) +
                        md_clamp_s16(md_requantize(entering, p->input_multiplier, p->input_shift));
    *cell = (int16_t)md_clamp(md_clamp_s16(sum), p->cell_min, p->cell_max);
    const int32_t x = (*cell * p->tanh_multiplier + p->tanh_round) >> p->tanh_shift;
    const int32_t shown = md_tanh_q15(p->sigmoid, x) * md_logistic_q15(p->sigmoid, 3 * output);
    const int32_t scaled = md_requantize(shown, p->output_multiplier, p->output_shift);
    return (int32_t)((uint32_t)scaled + (uint32_t)p->output_zero_point);
}

#endif
