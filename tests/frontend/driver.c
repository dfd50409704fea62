/* driver.c: runs the front end on the clips of a file and writes every observation to another.
 *
 *   driver stages IN OUT    IN: for each clip its samples (uint32), then int16;
 *                           OUT: {stage, vector, bytes} of uint32, then the data, each
 *   driver logf IN OUT      IN: float32; OUT: md_logf of each
 *   driver quantise IN OUT  IN: float32; OUT: md_quantise_int8, with the model's quantisation
 *   driver rfft IN OUT      IN: vectors of float32; OUT: md_scalar_rfft_f32 of each */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend_config.h"
#include "frontend_tables.h"
#include "md_clip.h"
#include "md_frontend_math.h"
#ifdef MD_WITH_FLOAT32
#include "md_stages_f32.h"
#endif

static void check(int ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "driver: %s\n", what);
        exit(1);
    }
}

static void write_observation(void *context, uint32_t stage, uint32_t frame, const void *data,
                              uint32_t bytes) {
    FILE *out = context;
    const uint32_t head[3] = {stage, frame, bytes};
    check(fwrite(head, sizeof head, 1, out) == 1 && fwrite(data, bytes, 1, out) == 1, "write");
}

/* A clip in pieces of 1, 2, 3, ... samples, from the file's position on. */
static void run_clip(const int16_t *pcm, uint32_t samples, int8_t *input,
                     md_frontend_observer_t observer, void *context) {
    md_clip_begin(observer, context);
    for (uint32_t piece = 1, done = 0; done < samples; done += piece++) {
        piece = piece < samples - done ? piece : samples - done;
        md_clip_push(pcm + done * MD_FRONTEND_CHANNELS, piece);
    }
    check(md_clip_end(input), "too short");
}

static void run_stages(FILE *in, FILE *out) {
    static int16_t clip[MD_FRONTEND_CLIP_SAMPLES * MD_FRONTEND_CHANNELS];
    static int8_t input[MD_FRONTEND_INPUT_BYTES], unobserved[MD_FRONTEND_INPUT_BYTES];
    uint32_t samples;
    while (fread(&samples, sizeof samples, 1, in) == 1) {
        const size_t bytes = samples * MD_FRONTEND_CHANNELS * sizeof clip[0];
        check(bytes <= sizeof clip && fread(clip, bytes, 1, in) == 1, "read");
        run_clip(clip, samples, unobserved, NULL, NULL);
        run_clip(clip, samples, input, write_observation, out);
        check(memcmp(input, unobserved, sizeof input) == 0, "observing changed the result");
    }
}

static void run_elements(FILE *in, FILE *out, int quantise) {
    static float values[4096];
    size_t count;
    while ((count = fread(values, sizeof values[0], 4096, in)) != 0) {
        for (size_t i = 0; i < count; i++) {
            if (quantise) {
                const int8_t q = md_quantise_int8(values[i], MD_FRONTEND_INPUT_SCALE,
                                                  MD_FRONTEND_INPUT_ZERO_POINT);
                check(fwrite(&q, sizeof q, 1, out) == 1, "write");
            } else {
                const float y = md_logf(values[i]);
                check(fwrite(&y, sizeof y, 1, out) == 1, "write");
            }
        }
    }
}

static void run_rfft(FILE *in, FILE *out) {
#ifdef MD_WITH_FLOAT32
    static float x[MD_FRONTEND_FFT_SIZE], y[MD_FRONTEND_FFT_SIZE];
    while (fread(x, sizeof x, 1, in) == 1) {
        md_scalar_rfft_f32(x, y);
        check(fwrite(y, sizeof y, 1, out) == 1, "write");
    }
#else
    check(in == out, "no float FFT");
#endif
}

int main(int argc, char **argv) {
    check(argc == 4, "usage: driver stages|logf|quantise|rfft IN OUT");
    FILE *in = fopen(argv[2], "rb");
    FILE *out = fopen(argv[3], "wb");
    check(in != NULL && out != NULL, "open");
    if (strcmp(argv[1], "stages") == 0) {
        run_stages(in, out);
    } else if (strcmp(argv[1], "rfft") == 0) {
        run_rfft(in, out);
    } else {
        run_elements(in, out, strcmp(argv[1], "quantise") == 0);
    }
    check(fclose(out) == 0 && fclose(in) == 0, "close");
    return 0;
}
