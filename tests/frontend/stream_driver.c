/* stream_driver.c: feeds a stream, and the smoother, from a file.
 *
 *   driver stream IN OUT   IN: stride, seed of the chunks' sizes, samples (uint32), then int16;
 *                          OUT: for each window the samples taken so far (uint32), then its input
 *   driver smooth IN OUT   IN: md_smoother_config_t, then rows of int8 outputs;
 *                          OUT: for each row output and sum (int32), -1 and 0 without a detection */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend_config.h"
#include "md_smoother.h"
#include "md_stream.h"

static void check(int ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "driver: %s\n", what);
        exit(1);
    }
}

static uint32_t next_chunk(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    const uint32_t most = (*seed >> 30) == 0u ? 3u : 3u * MD_FRONTEND_FRAME_SAMPLES;
    return (*seed >> 8) % most;
}

static void run_stream(FILE *in, FILE *out) {
    static int8_t input[MD_FRONTEND_INPUT_BYTES];
    uint32_t head[3];
    check(fread(head, sizeof head, 1, in) == 1, "read");
    const uint32_t samples = head[2], bytes = (uint32_t)sizeof(int16_t) * MD_FRONTEND_CHANNELS;
    uint32_t seed = head[1], taken = 0;
    int16_t *chunk = NULL;
    md_stream_begin(head[0], NULL, NULL);
    while (taken < samples) {
        uint32_t size = next_chunk(&seed);
        size = size < samples - taken ? size : samples - taken;
        /* Of exactly its size, so that a sanitizer sees every byte too far. */
        chunk = realloc(chunk, (size + 1u) * bytes);
        check(chunk != NULL && fread(chunk, bytes, size, in) == size, "read");
        for (uint32_t done = 0; done < size;) {
            const uint32_t more = md_stream_push(chunk + done * MD_FRONTEND_CHANNELS, size - done);
            check(more <= size - done && (more > 0 || md_stream_ready()), "nothing taken");
            done += more;
            taken += more;
            if (md_stream_ready()) {
                check(md_stream_push(chunk, size) == 0, "taken before the window was");
                md_stream_take(input);
                check(fwrite(&taken, sizeof taken, 1, out) == 1, "write");
                check(fwrite(input, sizeof input, 1, out) == 1, "write");
            }
        }
    }
    free(chunk);
}

static void run_smoother(FILE *in, FILE *out) {
    md_smoother_config_t config;
    int8_t row[MD_SMOOTHER_OUTPUTS];
    check(fread(&config, sizeof config, 1, in) == 1, "read");
    md_smoother_begin(&config);
    while (fread(row, sizeof row, 1, in) == 1) {
        md_detection_t found;
        int32_t pair[2] = {-1, 0};
        if (md_smoother_push(row, &found)) {
            pair[0] = (int32_t)found.output;
            pair[1] = found.sum;
        }
        check(fwrite(pair, sizeof pair, 1, out) == 1, "write");
    }
}

int main(int argc, char **argv) {
    check(argc == 4, "usage: driver stream|smooth IN OUT");
    FILE *in = fopen(argv[2], "rb");
    FILE *out = fopen(argv[3], "wb");
    check(in != NULL && out != NULL, "open");
    if (strcmp(argv[1], "stream") == 0) {
        run_stream(in, out);
    } else {
        run_smoother(in, out);
    }
    check(fclose(out) == 0 && fclose(in) == 0, "close");
    return 0;
}
