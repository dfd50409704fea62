/* md_npu_weight_stream.c: from the bits of a weight stream to its weights, in the stream's order.
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

static uint32_t min_u32(uint32_t a, uint32_t b) {
    return a < b ? a : b;
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
