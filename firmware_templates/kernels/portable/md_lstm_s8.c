/* Portable implementation of md_lstm_s8.h. Needs no core extension. */
#include "md_lstm_s8.h"

#include <string.h>

/* One row of a matrix times a vector, requantised to 16 bits. */
static int32_t product(int32_t acc, const int8_t *w, const int8_t *x, int32_t depth,
                       int32_t multiplier, int32_t shift) {
    for (int32_t i = 0; i < depth; i++) {
        acc += x[i] * w[i];
    }
    return md_clamp_s16(md_requantize(acc, multiplier, shift));
}

/* What enters the gate of cell `c`. */
static int32_t gate(const md_lstm_s8_t *p, const md_lstm_gate_s8_t *g, int32_t c, const int8_t *x,
                    const int8_t *h) {
    const int32_t inputs = p->cell.inputs;
    const int32_t cells = p->cell.cells;
    return md_clamp_s16(product(g->input_bias[c], g->input_weights + c * inputs, x, inputs,
                                g->input_multiplier, g->input_shift) +
                        product(g->hidden_bias[c], g->hidden_weights + c * cells, h, cells,
                                g->hidden_multiplier, g->hidden_shift));
}

void md_lstm_s8(const md_lstm_s8_t *p, const int8_t *input, int8_t *hidden, int16_t *cell,
                int8_t *output) {
    const md_lstm_cell_t *q = &p->cell;
    for (int32_t b = 0; b < q->batches; b++, hidden += q->cells, cell += q->cells) {
        for (int32_t t = 0; t < q->steps; t++) {
            const int32_t row = b * q->batch_stride + t * q->step_stride;
            const int8_t *x = input + row * q->inputs;
            int8_t *y = output + row * q->cells;
            for (int32_t c = 0; c < q->cells; c++) {
                const int32_t value = md_lstm_cell(q, &cell[c], gate(p, &p->forget, c, x, hidden),
                                                   gate(p, &p->input, c, x, hidden),
                                                   gate(p, &p->modulation, c, x, hidden),
                                                   gate(p, &p->output, c, x, hidden));
                y[c] = (int8_t)md_clamp(value, INT8_MIN, INT8_MAX);
            }
            /* All cells have read the last hidden state. */
            memcpy(hidden, y, (size_t)q->cells);
        }
    }
}
