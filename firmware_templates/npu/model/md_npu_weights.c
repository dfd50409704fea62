/* md_npu_weights.c: weight streams; see the header.
 *
 * The format: a stream is a sequence of slices, bits from the lowest of each byte up. A slice has a
 * header, maybe with a new palette, and then values in chunks. A value is an index into the palette
 * or, beyond it, a number from direct_offset on; either way its lowest bit is the sign. Between
 * each two weights there may be a run of zeros (then zeros are absent from the values), coded in
 * chunks of their own, interleaved with those of the weights.
 *
 * A value is coded as quotient and remainder by a power of two. Quotients come in unary, twelve
 * symbols a chunk, of two bits (WUNARY0, WUNARY1) for a weight and of one for a run; a quotient may
 * go on in the next chunk. The remainders of a chunk stand behind the quotients of the next. */
#include "md_npu_weights.h"

#include <string.h>

#define ZDIV_NO_RUNS 6u
#define ZDIV_END 7u
#define WDIV_MAX 5u
#define WDIV_UNCOMPRESSED 7u
#define MAX_INDEX 511u               /* nine bits */
#define MAX_ZERO_QUOTIENT 0xFFFFFFFu /* a run then stays below 2^31 */
#define QUEUE_MASK (MD_NPU_WEIGHTS_QUEUE - 1u)
#define LEAD 8 /* weights wait for the runs of zeros when they are so many ahead */

#define SUB_KERNEL 8u
#define IFM_UBLOCK 8u

static uint32_t min_u32(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static uint32_t round_up(uint32_t value, uint32_t unit) {
    return (value + unit - 1u) / unit * unit;
}

static void refill(md_npu_weight_stream_t *s) {
    if (s->bytes - s->next >= 4u) {
        const uint8_t *p = s->data + s->next;
        uint32_t word =
            (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        s->window |= (uint64_t)word << s->available;
        s->available += 32u;
        s->next += 4u;
        return;
    }
    while (s->next < s->bytes) {
        s->window |= (uint64_t)s->data[s->next++] << s->available;
        s->available += 8u;
    }
}

/* At most 16 bits. Zero, and the error, beyond the end. */
static inline uint32_t take(md_npu_weight_stream_t *s, uint32_t bits) {
    if (s->available < bits) {
        refill(s);
        if (s->available < bits) {
            s->error = MD_NPU_WEIGHTS_TRUNCATED;
            s->available = 0;
            s->window = 0;
            return 0;
        }
    }
    uint32_t value = (uint32_t)s->window & ((1u << bits) - 1u);
    s->window >>= bits;
    s->available -= bits;
    return value;
}

void md_npu_weight_stream_init(md_npu_weight_stream_t *stream, const void *data, uint32_t bytes) {
    memset(stream, 0, sizeof *stream);
    stream->data = data;
    stream->bytes = bytes;
}

/* The first error stays: what follows the stream's end reads as zeros, and may be wrong too. */
static bool fail(md_npu_weight_stream_t *s, md_npu_weights_error_t error) {
    if (s->error == MD_NPU_WEIGHTS_OK) {
        s->error = error;
    }
    return false;
}

/* Passes end markers, each of which fills its byte. False: nothing is left, or there was an error. */
static bool read_zdiv(md_npu_weight_stream_t *s, uint32_t *zdiv) {
    for (;;) {
        if (s->available == 0 && s->next == s->bytes) {
            return s->started ? fail(s, MD_NPU_WEIGHTS_TRUNCATED) : false;
        }
        *zdiv = take(s, 3);
        if (s->error != MD_NPU_WEIGHTS_OK) {
            return false;
        }
        if (*zdiv != ZDIV_END) {
            return true;
        }
        (void)take(s, s->available & 7u);
        s->started = false;
    }
}

static void read_palette(md_npu_weight_stream_t *s) {
    s->direct_offset = (uint8_t)take(s, 5);
    uint32_t size = take(s, 5);
    s->palette_size = (uint8_t)(size > 0 ? size + 1u : 0u);
    s->palette_bits = (uint8_t)(take(s, 3) + 2u);
    for (uint32_t i = 0; i < s->palette_size; i++) {
        s->palette[i] = (int16_t)take(s, s->palette_bits);
    }
}

/* Bits of a value that is coded by its index alone. */
static uint8_t index_bits(const md_npu_weight_stream_t *s) {
    uint8_t bits = 0;
    if (s->palette_size == 0) {
        return s->palette_bits;
    }
    while ((1u << bits) < s->palette_size) {
        bits++;
    }
    return bits;
}

static void begin_slice(md_npu_weight_stream_t *s, uint32_t count, bool new_palette) {
    s->started = true;
    s->weight_count = count;
    s->zero_count = s->zero_runs ? count + (new_palette ? 1u : 0u) : 0u;
    s->weight_quotients = s->zero_quotients = 0;
    s->weights_complete = s->zeros_complete = 0;
    s->weight_carry = s->zero_carry = 0;
    s->weights_waiting = s->zeros_waiting = 0;
    s->weights_given = s->zeros_given = 0;
    s->run_next = s->zero_runs && new_palette;
}

/* False: the stream's end, or an error. */
static bool read_header(md_npu_weight_stream_t *s) {
    uint32_t zdiv;
    if (!read_zdiv(s, &zdiv)) {
        return false;
    }
    uint32_t count = take(s, 15) + 1u;
    uint32_t wdiv = take(s, 3);
    s->truncated = take(s, 1) != 0;
    bool new_palette = take(s, 1) != 0;
    bool zero_runs = zdiv != ZDIV_NO_RUNS;
    if (s->error != MD_NPU_WEIGHTS_OK) {
        return false;
    }
    if ((zdiv > 3u && zero_runs) || (wdiv > WDIV_MAX && wdiv != WDIV_UNCOMPRESSED)) {
        return fail(s, MD_NPU_WEIGHTS_BAD_HEADER);
    }
    if (new_palette) {
        read_palette(s);
    } else if (!s->started || zero_runs != s->zero_runs) {
        return fail(s, MD_NPU_WEIGHTS_BAD_HEADER); /* whether zeros are values depends on it */
    }
    s->zero_runs = zero_runs;
    s->zero_shift = (uint8_t)zdiv;
    s->uncompressed = wdiv == WDIV_UNCOMPRESSED;
    s->weight_shift = s->uncompressed ? index_bits(s) : (uint8_t)wdiv;
    begin_slice(s, count, new_palette);
    return s->error == MD_NPU_WEIGHTS_OK;
}

/* The quotients of a chunk of weights; returns how many ended in it. */
static uint8_t weight_quotients(md_npu_weight_stream_t *s, uint32_t unary0, uint32_t unary1,
                                uint32_t out[MD_NPU_WEIGHTS_CHUNK]) {
    uint32_t symbols = s->uncompressed && s->weight_shift > 5u ? 8u : MD_NPU_WEIGHTS_CHUNK;
    uint32_t quotient = s->weight_carry;
    uint8_t ended = 0;
    for (uint32_t i = 0; i < symbols; i++) {
        bool more = false;
        if (unary0 & 1u) {
            more = (unary1 & 1u) != 0;
            quotient += more ? 2u : 1u;
            unary1 >>= 1;
        }
        unary0 >>= 1;
        if (!more || s->truncated) {
            out[ended++] = quotient;
            quotient = 0;
        }
    }
    s->weight_carry = quotient;
    return ended;
}

static uint8_t zero_quotients(md_npu_weight_stream_t *s, uint32_t unary, uint32_t symbols,
                              uint32_t out[MD_NPU_WEIGHTS_CHUNK]) {
    uint32_t quotient = s->zero_carry;
    uint8_t ended = 0;
    for (uint32_t i = 0; i < symbols; i++) {
        if (unary & 1u) {
            quotient++;
        } else {
            out[ended++] = quotient;
            quotient = 0;
        }
        unary >>= 1;
    }
    s->zero_carry = quotient;
    return ended;
}

static uint32_t bits_set(uint32_t value) {
    uint32_t count = 0;
    for (; value != 0; value &= value - 1u) {
        count++;
    }
    return count;
}

/* The weight for an index; its lowest bit is the sign. */
static int16_t weight_of(md_npu_weight_stream_t *s, uint32_t index) {
    uint32_t value = index < s->palette_size ? (uint32_t)s->palette[index]
                                             : index - s->palette_size + s->direct_offset;
    if (index > MAX_INDEX || value > MAX_INDEX) {
        (void)fail(s, MD_NPU_WEIGHTS_BAD_VALUE);
        return 0;
    }
    int32_t magnitude = (int32_t)(value >> 1);
    return (int16_t)((value & 1u) ? -magnitude : magnitude);
}

static void complete_weights(md_npu_weight_stream_t *s) {
    uint32_t count = min_u32(s->weights_waiting, s->weight_count - s->weights_complete);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = (s->weight_wait[i] << s->weight_shift) + take(s, s->weight_shift);
        s->weights[s->weights_complete++ & QUEUE_MASK] = weight_of(s, index);
    }
    s->weights_waiting = 0;
}

static void complete_zeros(md_npu_weight_stream_t *s) {
    uint32_t count = min_u32(s->zeros_waiting, s->zero_count - s->zeros_complete);
    for (uint32_t i = 0; i < count; i++) {
        s->zeros[s->zeros_complete++ & QUEUE_MASK] =
            (s->zero_wait[i] << s->zero_shift) + take(s, s->zero_shift);
    }
    s->zeros_waiting = 0;
}

/* Reads the next chunk of the slice. Neither queue overflows: it is called only when one of them is
 * empty, and the positions of weights and runs stay within 19 of each other. */
static bool read_chunk(md_npu_weight_stream_t *s) {
    int32_t lead = s->zero_runs ? (int32_t)s->weight_quotients - (int32_t)s->zero_quotients : 0;
    bool weights = lead < LEAD && s->weight_quotients < s->weight_count;
    bool zeros = lead >= 0 && s->zero_quotients < s->zero_count;
    uint32_t zero_symbols = s->zero_shift < 3u ? 12u : 8u;
    uint32_t unary0 = weights && !s->uncompressed ? take(s, 12) : 0u;
    uint32_t zero_unary = zeros ? take(s, zero_symbols) : 0u;
    uint32_t unary1 = take(s, bits_set(unary0));
    complete_weights(s);
    complete_zeros(s);
    if (weights) {
        s->weights_waiting = weight_quotients(s, unary0, unary1, s->weight_wait);
        s->weight_quotients += s->weights_waiting;
    }
    if (zeros) {
        s->zeros_waiting = zero_quotients(s, zero_unary, zero_symbols, s->zero_wait);
        s->zero_quotients += s->zeros_waiting;
    }
    if (s->weight_carry > MAX_INDEX || s->zero_carry > MAX_ZERO_QUOTIENT) {
        return fail(s, MD_NPU_WEIGHTS_BAD_VALUE);
    }
    return s->error == MD_NPU_WEIGHTS_OK;
}

/* Weights that can be given one after the other, without zeros between them. */
static uint32_t give_weights(md_npu_weight_stream_t *s, int16_t *out, uint32_t count) {
    count = min_u32(count, s->weights_complete - s->weights_given);
    if (s->zero_runs) {
        count = min_u32(count, 1);
        s->run_next = true;
    }
    for (uint32_t i = 0; i < count; i++) {
        out[i] = s->weights[s->weights_given++ & QUEUE_MASK];
    }
    return count;
}

uint32_t md_npu_weight_stream_read(md_npu_weight_stream_t *stream, int16_t *out, uint32_t count) {
    md_npu_weight_stream_t *s = stream;
    uint32_t given = 0;
    while (given < count && s->error == MD_NPU_WEIGHTS_OK) {
        if (s->run > 0) {
            uint32_t zeros = min_u32(s->run, count - given);
            memset(out + given, 0, zeros * sizeof *out);
            s->run -= zeros;
            given += zeros;
        } else if (s->run_next && s->zeros_given < s->zeros_complete) {
            s->run = s->zeros[s->zeros_given++ & QUEUE_MASK];
            s->run_next = false;
        } else if (!s->run_next && s->weights_given < s->weights_complete) {
            given += give_weights(s, out + given, count - given);
        } else if (s->weights_given < s->weight_count || s->run_next) {
            (void)read_chunk(s);
        } else if (!read_header(s)) {
            break;
        }
    }
    return given;
}

uint32_t md_npu_weights_share(uint32_t depth, uint32_t cores, uint32_t core) {
    return (depth + cores - 1u - core) / cores;
}

static bool within(uint32_t value, uint32_t highest) {
    return value >= 1u && value <= highest;
}

static bool layout_is_good(const md_npu_weights_layout_t *l) {
    return (uint32_t)l->traversal <= (uint32_t)MD_NPU_DEPTHWISE &&
           within(l->ofm_depth, MD_NPU_WEIGHTS_MAX_DEPTH) &&
           within(l->ofm_block_depth, MD_NPU_WEIGHTS_MAX_DEPTH) &&
           (within(l->ifm_depth, MD_NPU_WEIGHTS_MAX_DEPTH) || l->traversal == MD_NPU_DEPTHWISE) &&
           within(l->kernel_height, MD_NPU_WEIGHTS_MAX_KERNEL) &&
           within(l->kernel_width, MD_NPU_WEIGHTS_MAX_KERNEL / l->kernel_height) &&
           within(l->dilation_y, 2) && within(l->dilation_x, 2) &&
           (l->ifm_bits == 8u || l->ifm_bits == 16u) &&
           (l->ofm_ublock_depth == 4u || l->ofm_ublock_depth == 8u);
}

bool md_npu_weights_init(md_npu_weights_t *reader, const md_npu_weights_layout_t *layout,
                         const void *stream, uint32_t bytes) {
    memset(reader, 0, sizeof *reader);
    md_npu_weight_stream_init(&reader->stream, stream, bytes);
    reader->layout = *layout;
    if (!layout_is_good(layout)) {
        reader->error = MD_NPU_WEIGHTS_BAD_LAYOUT;
        return false;
    }
    if (layout->traversal == MD_NPU_DEPTHWISE) {
        reader->layout.ifm_depth = 1;
    }
    bool whole = layout->traversal == MD_NPU_DEPTH_FIRST && layout->ifm_bits == 8u;
    reader->ifm_block_depth = whole ? 32u : 16u;
    reader->sub_height = SUB_KERNEL / layout->dilation_y;
    reader->sub_width = SUB_KERNEL / layout->dilation_x;
    return true;
}

bool md_npu_weights_block(const md_npu_weights_t *reader, uint32_t *first, uint32_t *count) {
    if (reader->done || reader->error != MD_NPU_WEIGHTS_OK) {
        return false;
    }
    const md_npu_weights_layout_t *l = &reader->layout;
    *first = reader->ofm_block;
    *count = min_u32(l->ofm_block_depth, l->ofm_depth - reader->ofm_block);
    return true;
}

/* Kernel elements of the sub-kernel, with the padding that follows them. */
static uint32_t padded_elements(const md_npu_weights_t *r, uint32_t elements) {
    switch (r->layout.traversal) {
    case MD_NPU_PART_KERNEL_FIRST:
        return round_up(elements, r->layout.ifm_bits == 8u ? 4u : 2u);
    case MD_NPU_DEPTHWISE:
        return round_up(elements, 4);
    default:
        return elements;
    }
}

/* Kernel elements of all sub-kernels, with the padding of each. */
static uint64_t padded_kernel(const md_npu_weights_t *r) {
    uint64_t elements = 0;
    for (uint32_t y = 0; y < r->layout.kernel_height; y += r->sub_height) {
        uint32_t height = min_u32(r->sub_height, r->layout.kernel_height - y);
        for (uint32_t x = 0; x < r->layout.kernel_width; x += r->sub_width) {
            uint32_t width = min_u32(r->sub_width, r->layout.kernel_width - x);
            elements += padded_elements(r, height * width);
        }
    }
    return elements;
}

uint64_t md_npu_weights_count(const md_npu_weights_t *reader) {
    const md_npu_weights_layout_t *l = &reader->layout;
    uint32_t ublock = l->ofm_ublock_depth;
    uint64_t channels =
        (uint64_t)(l->ofm_depth / l->ofm_block_depth) * round_up(l->ofm_block_depth, ublock) +
        round_up(l->ofm_depth % l->ofm_block_depth, ublock);
    uint32_t ifm = 1;
    if (l->traversal == MD_NPU_DEPTH_FIRST) {
        ifm = round_up(l->ifm_depth, reader->ifm_block_depth);
    } else if (l->traversal == MD_NPU_PART_KERNEL_FIRST) {
        ifm = round_up(l->ifm_depth, IFM_UBLOCK);
    }
    return channels * ifm * padded_kernel(reader);
}

/* Steps one loop: adds `step` while that stays below `limit`, else starts it over. */
static bool step(uint32_t *position, uint32_t step, uint32_t limit) {
    *position += step;
    if (*position < limit) {
        return true;
    }
    *position = 0;
    return false;
}

/* To the next brick; false at the end of the OFM block. */
static bool advance(md_npu_weights_t *r, uint32_t block_count, uint32_t elements) {
    const md_npu_weights_layout_t *l = &r->layout;
    bool part_kernel = l->traversal == MD_NPU_PART_KERNEL_FIRST;
    uint32_t outer = min_u32(r->ifm_block_depth, l->ifm_depth - r->ifm_block);
    return (l->traversal == MD_NPU_DEPTH_FIRST &&
            step(&r->ifm_inner, IFM_UBLOCK, r->ifm_block_depth)) ||
           step(&r->element, 1, elements) ||
           step(&r->ofm_inner, l->ofm_ublock_depth, block_count) ||
           (part_kernel && step(&r->ifm_outer, IFM_UBLOCK, outer)) ||
           step(&r->sub_x, r->sub_width, l->kernel_width) ||
           step(&r->sub_y, r->sub_height, l->kernel_height) ||
           step(&r->ifm_block, r->ifm_block_depth, l->ifm_depth);
}

static bool read_brick(md_npu_weights_t *r, md_npu_weights_brick_t *brick) {
    uint32_t wanted = r->layout.ofm_ublock_depth * brick->ofm_pitch;
    if (md_npu_weight_stream_read(&r->stream, brick->weights, wanted) == wanted) {
        return true;
    }
    r->error = r->stream.error != MD_NPU_WEIGHTS_OK ? r->stream.error : MD_NPU_WEIGHTS_TRUNCATED;
    return false;
}

bool md_npu_weights_next(md_npu_weights_t *reader, md_npu_weights_brick_t *brick) {
    md_npu_weights_t *r = reader;
    const md_npu_weights_layout_t *l = &r->layout;
    uint32_t first;
    uint32_t count;
    if (!md_npu_weights_block(r, &first, &count)) {
        return false;
    }
    brick->ofm_pitch = l->traversal == MD_NPU_DEPTHWISE ? 1u : IFM_UBLOCK;
    if (!read_brick(r, brick)) {
        return false;
    }
    uint32_t height = min_u32(r->sub_height, l->kernel_height - r->sub_y);
    uint32_t width = min_u32(r->sub_width, l->kernel_width - r->sub_x);
    uint32_t ifm = r->ifm_block + r->ifm_outer + r->ifm_inner;
    bool padding = r->element >= height * width || ifm >= l->ifm_depth;
    brick->ofm = first + r->ofm_inner;
    brick->ofm_count = padding ? 0u : min_u32(l->ofm_ublock_depth, count - r->ofm_inner);
    brick->ky = r->sub_y + r->element / width;
    brick->kx = r->sub_x + r->element % width;
    brick->ifm = ifm;
    brick->ifm_count = padding ? 0u : min_u32(brick->ofm_pitch, l->ifm_depth - ifm);
    brick->block_end = !advance(r, count, padded_elements(r, height * width));
    if (brick->block_end) {
        r->done = !step(&r->ofm_block, l->ofm_block_depth, l->ofm_depth);
    }
    return true;
}

static void scatter(const md_npu_weights_brick_t *brick, int16_t *out,
                    const md_npu_weights_strides_t *strides) {
    for (uint32_t o = 0; o < brick->ofm_count; o++) {
        const int16_t *row = brick->weights + o * brick->ofm_pitch;
        for (uint32_t i = 0; i < brick->ifm_count; i++) {
            out[o * strides->ofm + i * strides->ifm] = row[i];
        }
    }
}

/* Elements that an array needs for `count` channels; far below 2^64. */
static uint64_t span(const md_npu_weights_layout_t *l, uint32_t count,
                     const md_npu_weights_strides_t *strides) {
    return (uint64_t)(count - 1u) * strides->ofm + (uint64_t)(l->kernel_height - 1u) * strides->ky +
           (uint64_t)(l->kernel_width - 1u) * strides->kx +
           (uint64_t)(l->ifm_depth - 1u) * strides->ifm + 1u;
}

bool md_npu_weights_unpack(md_npu_weights_t *reader, int16_t *out, uint32_t elements,
                           const md_npu_weights_strides_t *strides) {
    uint32_t first;
    uint32_t count;
    if (!md_npu_weights_block(reader, &first, &count)) {
        return false;
    }
    if (span(&reader->layout, count, strides) > elements) {
        reader->error = MD_NPU_WEIGHTS_TOO_SMALL;
        return false;
    }
    md_npu_weights_brick_t brick;
    do {
        if (!md_npu_weights_next(reader, &brick)) {
            return false;
        }
        if (brick.ofm_count > 0) {
            scatter(&brick,
                    out + (brick.ofm - first) * strides->ofm + brick.ky * strides->ky +
                        brick.kx * strides->kx + brick.ifm * strides->ifm,
                    strides);
        }
    } while (!brick.block_end);
    return true;
}

uint32_t md_npu_weights_offset(const md_npu_weights_t *reader) {
    return reader->stream.next - reader->stream.available / 8u;
}
