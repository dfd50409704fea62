/* Decodes weight streams for test_npu_weights.py, which writes requests to the standard input and
 * reads the answers from the standard output: 32-bit words and int16 weights, in the host's order.
 *
 * A request is a header, as below, and the stream's bytes, which get a block of their own of just
 * that size, so that AddressSanitizer sees each read beyond them. */
#include "md_npu_weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { READ_ALL, UNPACK, BRICKS, TIME, SHARES, ACTIONS };

typedef struct {
    uint32_t action;
    uint32_t piece;    /* READ_ALL: weights asked for at a time; TIME: how often */
    uint32_t elements; /* of the array that is filled */
    uint32_t bytes;
    uint32_t layout[10];
    uint32_t strides[4];
} request_t;

static void give(const void *data, size_t bytes) {
    if (fwrite(data, 1, bytes, stdout) != bytes) {
        exit(2);
    }
}

static void give_words(uint32_t a, uint32_t b, uint32_t c) {
    const uint32_t words[3] = {a, b, c};
    give(words, sizeof words);
}

static md_npu_weights_layout_t layout_of(const request_t *request) {
    const uint32_t *l = request->layout;
    return (md_npu_weights_layout_t){
        (md_npu_traversal_t)l[0], l[1], l[2], l[3], l[4], l[5], l[6], l[7], l[8], l[9]};
}

/* Answer: weights, error, 0, then the weights. */
static void read_all(const request_t *request, const uint8_t *data) {
    md_npu_weight_stream_t stream;
    int16_t *out = malloc((request->elements + 1u) * sizeof *out);
    int16_t *piece = malloc(request->piece * sizeof *piece);
    uint32_t count = 0;
    uint32_t got;
    md_npu_weight_stream_init(&stream, data, request->bytes);
    do {
        uint32_t wanted = request->elements - count;
        wanted = wanted < request->piece ? wanted : request->piece;
        got = md_npu_weight_stream_read(&stream, piece, wanted);
        memcpy(out + count, piece, got * sizeof *out);
        count += got;
    } while (got > 0);
    give_words(count, (uint32_t)stream.error, 0);
    give(out, count * sizeof *out);
    free(piece);
    free(out);
}

/* Answer, for each block: 1, first channel, channels, the array; then 0, error, offset. What is not
 * written holds 0x7fff. */
static void unpack(const request_t *request, const uint8_t *data) {
    const uint32_t *s = request->strides;
    const md_npu_weights_strides_t strides = {s[0], s[1], s[2], s[3]};
    const md_npu_weights_layout_t layout = layout_of(request);
    md_npu_weights_t reader;
    int16_t *out = malloc(request->elements * sizeof *out);
    uint32_t first;
    uint32_t count;
    (void)md_npu_weights_init(&reader, &layout, data, request->bytes);
    while (md_npu_weights_block(&reader, &first, &count)) {
        for (uint32_t i = 0; i < request->elements; i++) {
            out[i] = 0x7fff;
        }
        if (!md_npu_weights_unpack(&reader, out, request->elements, &strides)) {
            break;
        }
        give_words(1, first, count);
        give(out, request->elements * sizeof *out);
    }
    give_words(0, (uint32_t)reader.error, md_npu_weights_offset(&reader));
    free(out);
}

/* Answer, for each brick: 1 (2 at a block's end), weights that are not padding, 0, and for each of
 * these ofm, ky, kx, ifm, weight as words; then 0, error, offset. Every other brick is read from a
 * copy of the reader too. */
static void bricks(const request_t *request, const uint8_t *data) {
    const md_npu_weights_layout_t layout = layout_of(request);
    md_npu_weights_t reader;
    md_npu_weights_brick_t brick;
    bool twice = false;
    (void)md_npu_weights_init(&reader, &layout, data, request->bytes);
    for (;;) {
        md_npu_weights_t copy = reader;
        if (!md_npu_weights_next(twice ? &copy : &reader, &brick)) {
            break;
        }
        if (twice && !md_npu_weights_next(&reader, &brick)) {
            exit(3);
        }
        twice = !twice;
        give_words(brick.block_end ? 2 : 1, brick.ofm_count * brick.ifm_count, 0);
        for (uint32_t o = 0; o < brick.ofm_count; o++) {
            for (uint32_t i = 0; i < brick.ifm_count; i++) {
                const int32_t words[5] = {(int32_t)(brick.ofm + o), (int32_t)brick.ky,
                                          (int32_t)brick.kx, (int32_t)(brick.ifm + i),
                                          brick.weights[o * brick.ofm_pitch + i]};
                give(words, sizeof words);
            }
        }
    }
    give_words(0, (uint32_t)reader.error, md_npu_weights_offset(&reader));
}

/* Answer: nanoseconds for unpacking the stream once, error, 0. */
static void measure(const request_t *request, const uint8_t *data) {
    const uint32_t *s = request->strides;
    const md_npu_weights_strides_t strides = {s[0], s[1], s[2], s[3]};
    const md_npu_weights_layout_t layout = layout_of(request);
    md_npu_weights_t reader;
    int16_t *out = malloc(request->elements * sizeof *out);
    struct timespec start;
    struct timespec end;
    (void)timespec_get(&start, TIME_UTC);
    for (uint32_t i = 0; i < request->piece; i++) {
        (void)md_npu_weights_init(&reader, &layout, data, request->bytes);
        while (md_npu_weights_unpack(&reader, out, request->elements, &strides)) {
        }
    }
    (void)timespec_get(&end, TIME_UTC);
    double ns = 1e9 * (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec);
    give_words((uint32_t)(ns / request->piece), (uint32_t)reader.error, 0);
    free(out);
}

/* Answer: a core's share of channels, of a block, 0. */
static void shares(const request_t *request, const uint8_t *data) {
    const uint32_t *s = request->strides; /* channels, block, cores, core */
    (void)data;
    give_words(md_npu_weights_share(s[0], s[2], s[3]), md_npu_weights_share(s[1], s[2], s[3]), 0);
}

int main(void) {
    static void (*const actions[])(const request_t *, const uint8_t *) = {read_all, unpack, bricks,
                                                                          measure, shares};
    request_t request;
    while (fread(&request, sizeof request, 1, stdin) == 1) {
        uint8_t *data = malloc(request.bytes);
        if (request.action >= ACTIONS || fread(data, 1, request.bytes, stdin) != request.bytes) {
            return 2;
        }
        actions[request.action](&request, data);
        free(data);
        (void)fflush(stdout);
    }
    return 0;
}
