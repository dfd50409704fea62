/* Portable implementation of md_copy_raw.h. Needs no core extension. */
#include "md_copy_raw.h"

#include <string.h>

static void fill(uint8_t *output, int32_t bytes, uint32_t pattern) {
    for (int32_t i = 0; i < bytes; i++) {
        output[i] = (uint8_t)(pattern >> 8 * (i % 4));
    }
}

/* The runs along one axis. Those of one element have loops of their own, without calls. */
static void copy_line(const int32_t *axis, int32_t run, const uint8_t *from, uint8_t *to) {
    const int32_t count = axis[0];
    const int32_t from_stride = axis[1];
    const int32_t to_stride = axis[2];
    switch (run) {
    case 1:
        for (int32_t i = 0; i < count; i++) {
            to[i * to_stride] = from[i * from_stride];
        }
        break;
    case 2:
        for (int32_t i = 0; i < count; i++) {
            memcpy(to + i * to_stride, from + i * from_stride, 2);
        }
        break;
    case 4:
        for (int32_t i = 0; i < count; i++) {
            memcpy(to + i * to_stride, from + i * from_stride, 4);
        }
        break;
    default:
        for (int32_t i = 0; i < count; i++) {
            memcpy(to + i * to_stride, from + i * from_stride, (size_t)run);
        }
    }
}

static void copy_part(const int32_t *part, const uint8_t *input, uint8_t *output) {
    const int32_t *const axes = part + MD_COPY_FIRST_AXIS;
    const int32_t *const innermost = axes + 3 * (MD_COPY_AXES - 1);
    int32_t from = part[MD_COPY_INPUT_OFFSET];
    int32_t to = part[MD_COPY_OUTPUT_OFFSET];
    int32_t position[MD_COPY_AXES - 1] = {0};
    int32_t lines = 1;
    for (const int32_t *axis = axes; axis != innermost; axis += 3) {
        lines *= axis[0];
    }
    for (; lines > 0; lines--) {
        copy_line(innermost, part[MD_COPY_RUN], input + from, output + to);
        for (int32_t i = MD_COPY_AXES - 2; i >= 0; i--) {
            const int32_t *const axis = axes + 3 * i;
            from += axis[1];
            to += axis[2];
            if (++position[i] < axis[0]) {
                break;
            }
            position[i] = 0;
            from -= axis[0] * axis[1];
            to -= axis[0] * axis[2];
        }
    }
}

void md_copy_raw(const md_copy_raw_t *p, const void *const *inputs, void *const *outputs) {
    fill(outputs[0], p->fill_bytes, p->fill);
    const int32_t *part = p->parts;
    for (int32_t i = 0; i < p->part_count; i++, part += MD_COPY_COLUMNS) {
        copy_part(part, inputs[part[MD_COPY_INPUT]], outputs[part[MD_COPY_OUTPUT]]);
    }
}
