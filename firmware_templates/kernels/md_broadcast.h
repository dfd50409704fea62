/* md_broadcast.h: walking over the two inputs of an element-wise operator that broadcasts.
 *
 * Neighbouring dimensions along which both inputs behave alike are merged at generation, so that
 * equal shapes are one long row, and a vector for each channel of an image is a row for each pixel.
 */
#ifndef MD_BROADCAST_H
#define MD_BROADCAST_H

#include <stdint.h>

typedef struct {
    int32_t size[4];   /* of the output, outermost dimension first, all at least 1; [3] is a row */
    int32_t first[4];  /* elements of the first input from one index to the next; 0: broadcast */
    int32_t second[4]; /* the same of the second; first[3] and second[3] are 0 or 1, not both 0 */
} md_broadcast_t;

/* Defines `void name(const parameters_t *, const element_t *first, const element_t *second,
 * element_t *output)`, where parameters_t has a member `md_broadcast_t broadcast`, and
 * `int32_t operation(const parameters_t *, int32_t, int32_t)` makes an output element.
 *
 * The copy of the parameters is out of reach for the output's pointer, so that the compiler may
 * keep them in registers; the three loops let it compute once what a broadcast value needs. */
#define MD_ELEMENTWISE(name, parameters_t, element_t, operation)                                   \
    static inline void name##_row(const parameters_t *p, const element_t *first,                   \
                                  const element_t *second, element_t *output) {                    \
        const int32_t count = p->broadcast.size[3];                                                \
        if (p->broadcast.first[3] == 0) {                                                          \
            const int32_t value = *first;                                                          \
            for (int32_t i = 0; i < count; i++) {                                                  \
                output[i] = (element_t)operation(p, value, second[i]);                             \
            }                                                                                      \
        } else if (p->broadcast.second[3] == 0) {                                                  \
            const int32_t value = *second;                                                         \
            for (int32_t i = 0; i < count; i++) {                                                  \
                output[i] = (element_t)operation(p, first[i], value);                              \
            }                                                                                      \
        } else {                                                                                   \
            for (int32_t i = 0; i < count; i++) {                                                  \
                output[i] = (element_t)operation(p, first[i], second[i]);                          \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    void name(const parameters_t *parameters, const element_t *first, const element_t *second,     \
              element_t *output) {                                                                 \
        const parameters_t p = *parameters;                                                        \
        const md_broadcast_t *b = &p.broadcast;                                                    \
        for (int32_t i = 0; i < b->size[0]; i++) {                                                 \
            for (int32_t j = 0; j < b->size[1]; j++) {                                             \
                for (int32_t k = 0; k < b->size[2]; k++) {                                         \
                    name##_row(&p, first + i * b->first[0] + j * b->first[1] + k * b->first[2],    \
                               second + i * b->second[0] + j * b->second[1] + k * b->second[2],    \
                               output);                                                            \
                    output += b->size[3];                                                          \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

#endif
