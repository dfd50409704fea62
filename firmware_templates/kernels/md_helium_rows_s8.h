/* md_helium_rows_s8.h: what md_fully_connected_s8.h is, for cores with Helium. */
#ifndef MD_HELIUM_ROWS_S8_H
#define MD_HELIUM_ROWS_S8_H

#include "md_helium_matmul_s8.h"

typedef struct {
    md_helium_matmul_t matmul;
    uint32_t rows;
} md_helium_rows_s8_t;

/* input[rows][matmul.depth], output[rows][matmul.channels]; they must not overlap. */
void md_helium_rows_s8(const md_helium_rows_s8_t *p, const int8_t *input, int8_t *output);

#endif
