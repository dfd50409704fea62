/* driver.c: runs the front end on the clips of a file and writes every observation to another.
 *
 *   driver stages IN OUT   IN: clips of int16; OUT: {stage, frame, bytes} of uint32, then the data,
 * each driver logf IN OUT     IN: float32; OUT: md_logf of each driver quantise IN OUT IN: float32;
 * OUT: md_quantise_int8 of each, with the model's quantisation */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/transform_functions.h"
#include "frontend_config.h"
#include "md_frontend.h"
#include "md_frontend_math.h"
#include "md_frontend_tables.h"

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

static void run_stages(FILE *in, FILE *out) {
    static int16_t clip[MD_FRONTEND_CLIP_SAMPLES];
    static int8_t input[MD_FRONTEND_FRAMES * MD_FRONTEND_DCT_COEFFICIENTS];
    while (fread(clip, sizeof clip, 1, in) == 1) {
        int8_t unobserved[sizeof input];
        for (uint32_t frame = 0; frame < MD_FRONTEND_FRAMES; frame++) {
            md_frontend_frame(frame, clip + frame * MD_FRONTEND_HOP_SAMPLES, NULL, NULL);
        }
        md_frontend_finish(unobserved, NULL, NULL);
        for (uint32_t frame = 0; frame < MD_FRONTEND_FRAMES; frame++) {
            md_frontend_frame(frame, clip + frame * MD_FRONTEND_HOP_SAMPLES, write_observation,
                              out);
        }
        md_frontend_finish(input, write_observation, out);
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
    static float x[MD_FRONTEND_FFT_SIZE], y[MD_FRONTEND_FFT_SIZE];
    const arm_rfft_fast_instance_f32 rfft = {
        .Sint = {.fftLen = MD_FRONTEND_FFT_SIZE / 2,
                 .pTwiddle = md_frontend_cfft_twiddle,
                 .pBitRevTable = md_frontend_bit_reversal,
                 .bitRevLength = MD_FRONTEND_BIT_REVERSAL_LENGTH},
        .fftLenRFFT = MD_FRONTEND_FFT_SIZE,
        .pTwiddleRFFT = md_frontend_rfft_twiddle,
    };
    while (fread(x, sizeof x, 1, in) == 1) {
        arm_rfft_fast_f32(&rfft, x, y, 0);
        check(fwrite(y, sizeof y, 1, out) == 1, "write");
    }
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
