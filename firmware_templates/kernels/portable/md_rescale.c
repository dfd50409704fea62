/* Portable implementation of md_rescale.h. Needs no core extension. */
#include "md_rescale.h"

#include "md_requantize.h"

static int32_t load(const void *input, int32_t bytes, uint32_t i) {
    if (bytes == 1) {
        return ((const int8_t *)input)[i];
    }
    return bytes == 2 ? ((const int16_t *)input)[i] : ((const int32_t *)input)[i];
}

static void store(void *output, int32_t bytes, uint32_t i, int32_t value) {
    if (bytes == 1) {
        ((int8_t *)output)[i] = (int8_t)value;
    } else if (bytes == 2) {
        ((int16_t *)output)[i] = (int16_t)value;
    } else {
        ((int32_t *)output)[i] = value;
    }
}

static int32_t rescale(const md_rescale_t *p, int32_t value) {
    if (value >= 0) {
        return md_requantize(value, p->multiplier, p->shift);
    }
    const int32_t given = p->magnitude ? -value : value;
    const int32_t scaled = md_requantize(given, p->negative_multiplier, p->negative_shift);
    return p->flipped ? -scaled : scaled;
}

void md_rescale(const md_rescale_t *p, const void *input, void *output) {
    for (uint32_t i = 0; i < p->count; i++) {
        const uint32_t x = (uint32_t)load(input, p->input_bytes, i);
        const int32_t scaled = rescale(p, (int32_t)(x - (uint32_t)p->input_zero_point));
        store(output, p->output_bytes, i,
              md_move_and_clamp(scaled, p->output_zero_point, p->output_min, p->output_max));
    }
}
