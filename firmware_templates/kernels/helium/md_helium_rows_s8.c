/* Implementation of md_helium_rows_s8.h on md_helium_matmul_s8. */
#include "md_helium_rows_s8.h"

void md_helium_rows_s8(const md_helium_rows_s8_t *p, const int8_t *input, int8_t *output) {
    md_helium_matmul_s8(&p->matmul, p->rows, input, output);
}
