/* md_helium_broadcast.h: md_broadcast.h's walk over two inputs, 16 elements of a row at a time. */
#ifndef MD_HELIUM_BROADCAST_H
#define MD_HELIUM_BROADCAST_H

#include "md_broadcast.h"

#include <stdint.h>

#define MD_HELIUM_LANES 16

/* A row: x advances by 16 elements after each 16, y by y_step. x is the first input, or the second where
 * they are `swapped`, because it is the first that repeats. */
typedef struct {
    const int8_t *x;
    const int8_t *y;
    int8_t *output;
    int32_t y_step; /* MD_HELIUM_LANES, or 0 to repeat a vector */
    int32_t count;  /* at least 1 */
    int swapped;
} md_helium_row_t;

/* Calls row(parameters, ...) for each row. */
void md_helium_broadcast(const md_broadcast_t *b, const void *parameters, const int8_t *first,
                         const int8_t *second, int8_t *output,
                         void (*row)(const void *parameters, const md_helium_row_t *row));

#endif
