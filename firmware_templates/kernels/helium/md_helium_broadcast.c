/* Implementation of md_helium_broadcast.h. */
#include "md_helium_broadcast.h"

/* A vector of an input's row again and again. */
static const int8_t *tile(const int8_t *values, int32_t count, int8_t *tiles) {
    for (int32_t i = 0; i < MD_HELIUM_LANES; i++) {
        tiles[i] = values[i % count];
    }
    return tiles;
}

/* Whether one input has the same row for each row of the other, and a vector holds several of it: then
 * the rows of the other are one. */
static int repeats_in(const md_broadcast_t *b, const int32_t one[4], const int32_t other[4]) {
    return one[2] == 0 && one[3] == 1 && other[2] == b->size[3] && other[3] == 1 &&
           MD_HELIUM_LANES % b->size[3] == 0;
}

void md_helium_broadcast(const md_broadcast_t *b, const void *parameters, const int8_t *first,
                         const int8_t *second, int8_t *output,
                         void (*row)(const void *parameters, const md_helium_row_t *row)) {
    const int swapped = b->first[3] == 0 || repeats_in(b, b->first, b->second);
    const int32_t *const x_stride = swapped ? b->second : b->first;
    const int32_t *const y_stride = swapped ? b->first : b->second;
    const int repeats = repeats_in(b, y_stride, x_stride);
    const int tiled = repeats || y_stride[3] == 0;
    const int32_t rows = repeats ? 1 : b->size[2];
    const int32_t count = b->size[2] * b->size[3] / rows;
    int8_t tiles[MD_HELIUM_LANES];
    for (int32_t i = 0; i < b->size[0]; i++) {
        for (int32_t j = 0; j < b->size[1]; j++) {
            for (int32_t k = 0; k < rows; k++) {
                const int8_t *x = swapped ? second : first;
                const int8_t *y = swapped ? first : second;
                x += i * x_stride[0] + j * x_stride[1] + k * x_stride[2];
                y += i * y_stride[0] + j * y_stride[1] + k * y_stride[2];
                const md_helium_row_t r = {
                    .x = x,
                    .y = tiled ? tile(y, repeats ? b->size[3] : 1, tiles) : y,
                    .output = output,
                    .y_step = tiled ? 0 : MD_HELIUM_LANES,
                    .count = count,
                    .swapped = swapped,
                };
                row(parameters, &r);
                output += count;
            }
        }
    }
}
