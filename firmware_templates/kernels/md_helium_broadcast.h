/* md_helium_broadcast.h: md_broadcast.h's walk over two inputs, 16 elements of a row at a time. */
#ifndef MD_HELIUM_BROADCAST_H
#define MD_HELIUM_BROADCAST_H

#include "md_broadcast.h"

#include <string.h>

#define MD_HELIUM_LANES 16

/* A row: its inputs advance by their steps, in bytes, after each 16 elements. */
typedef struct {
    const int8_t *first;
    const int8_t *second;
    int8_t *output;
    int32_t first_step; /* MD_HELIUM_LANES, or 0 for 16 equal values */
    int32_t second_step;
    int32_t count; /* at least 1 */
} md_helium_row_t;

/* Calls row(parameters, ...) for each row. */
static inline void md_helium_broadcast(const md_broadcast_t *b, const void *parameters,
                                       const int8_t *first, const int8_t *second, int8_t *output,
                                       void (*row)(const void *parameters,
                                                   const md_helium_row_t *row)) {
    int8_t values[MD_HELIUM_LANES];
    for (int32_t i = 0; i < b->size[0]; i++) {
        for (int32_t j = 0; j < b->size[1]; j++) {
            for (int32_t k = 0; k < b->size[2]; k++) {
                md_helium_row_t r = {
                    .first = first + i * b->first[0] + j * b->first[1] + k * b->first[2],
                    .second = second + i * b->second[0] + j * b->second[1] + k * b->second[2],
                    .output = output,
                    .first_step = b->first[3] * MD_HELIUM_LANES,
                    .second_step = b->second[3] * MD_HELIUM_LANES,
                    .count = b->size[3],
                };
                if (r.first_step == 0) {
                    memset(values, *r.first, sizeof values);
                    r.first = values;
                }
                if (r.second_step == 0) {
                    memset(values, *r.second, sizeof values);
                    r.second = values;
                }
                row(parameters, &r);
                output += r.count;
            }
        }
    }
}

#endif
