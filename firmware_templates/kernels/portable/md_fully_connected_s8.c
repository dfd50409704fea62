/* Implementation of md_fully_connected_s8.h on md_matmul_s8. */
#include "md_fully_connected_s8.h"

void md_fully_connected_s8(const md_fully_connected_s8_t *p, const int8_t *input, int8_t *output) {
    md_matmul_s8(&p->matmul, p->rows, input, output, p->matmul.channels);
}
