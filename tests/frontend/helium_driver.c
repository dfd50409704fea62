/* helium_driver.c: runs stages by their scalar and their Helium code on the vectors of in.bin, or a
 * whole frame as firmware does.
 *
 * in.bin: a uint32 stage, then its input, again and again. out.bin: for each vector whether the
 * Helium code vouches for its bits, the ticks of both, and both results; for a frame the ticks, and
 * what an observer sees. */
#include <string.h>

#include "frontend_config.h"
#include "md_frame.h"
#include "md_platform.h"
#include "md_stages_f32.h"
#include "md_stages_helium_f32.h"

enum { WINDOW, RFFT, SPECTRUM, MEL, LOG, DCT, STAGES, WHOLE_FRAME = STAGES };

#define FRAME (MD_FRONTEND_FRAME_SAMPLES * MD_FRONTEND_CHANNELS)

typedef union {
    MD_HELIUM_ALIGNED float values[MD_FRONTEND_BUFFER];
    int16_t pcm[FRAME];
} vector_t;

static vector_t input, scratch;
static MD_HELIUM_ALIGNED float scalar_result[MD_FRONTEND_BUFFER];
static MD_HELIUM_ALIGNED float helium_result[MD_FRONTEND_BUFFER];

static const uint32_t input_bytes[STAGES] = {
    [WINDOW] = FRAME * sizeof(int16_t),
    [RFFT] = MD_FRONTEND_FFT_SIZE * sizeof(float),
    [SPECTRUM] = MD_FRONTEND_FFT_SIZE * sizeof(float),
    [MEL] = MD_FRONTEND_SPECTRUM_BINS * sizeof(float),
    [LOG] = MD_FRONTEND_MEL_FILTERS * sizeof(float),
    [DCT] = MD_FRONTEND_MEL_FILTERS * sizeof(float),
};

static const uint32_t output_bytes[STAGES] = {
    [WINDOW] = MD_FRONTEND_FFT_SIZE * sizeof(float),
    [RFFT] = 2u * MD_FRONTEND_SPECTRUM_BINS * sizeof(float),
    [SPECTRUM] = MD_FRONTEND_SPECTRUM_BINS * sizeof(float),
    [MEL] = MD_FRONTEND_MEL_FILTERS * sizeof(float),
    [LOG] = MD_FRONTEND_MEL_FILTERS * sizeof(float),
    [DCT] = MD_FRONTEND_DCT_COEFFICIENTS * sizeof(float),
};

static void check(bool ok) {
    if (!ok) {
        md_exit(1);
    }
}

_Noreturn void md_app_fault(const md_fault_t *fault) {
    (void)fault;
    md_exit(3);
}

static void run_scalar(uint32_t stage) {
    float *const result = scalar_result;
    switch (stage) {
    case WINDOW:
        md_scalar_window_f32(scratch.pcm, result);
        break;
    case RFFT:
        md_scalar_rfft_f32(scratch.values, result);
        break;
    case SPECTRUM:
        md_scalar_spectrum_f32(scratch.values, result);
        break;
    case MEL:
        md_scalar_mel_f32(scratch.values, result);
        break;
    case LOG:
        md_scalar_log_f32(result);
        break;
    default:
#if MD_FRONTEND_DCT_COEFFICIENTS
        md_scalar_dct_f32(scratch.values, result);
#endif
        break;
    }
}

static bool run_helium(uint32_t stage) {
    float *const result = helium_result;
    switch (stage) {
    case WINDOW:
        return md_helium_window_f32(scratch.pcm, result);
    case RFFT:
        return md_helium_rfft_f32(scratch.values, result);
    case SPECTRUM:
        return md_helium_spectrum_f32(scratch.values, result);
    case MEL:
        return md_helium_mel_f32(scratch.values, result);
    case LOG:
        md_helium_log_f32(result);
        return true;
    default:
#if MD_FRONTEND_DCT_COEFFICIENTS
        return md_helium_dct_f32(scratch.values, result);
#else
        return false;
#endif
    }
}

/* The results are in place for LOG. */
static void prepare(uint32_t stage, float *result) {
    memcpy(&scratch, &input, sizeof scratch);
    memset(result, 0xA5, sizeof scalar_result);
    if (stage == LOG) {
        memcpy(result, input.values, input_bytes[LOG]);
    }
}

static void run_stage(int out, uint32_t stage) {
    prepare(stage, scalar_result);
    const uint64_t start = md_counter_read();
    run_scalar(stage);
    const uint64_t middle = md_counter_read();
    prepare(stage, helium_result);
    const uint64_t again = md_counter_read();
    const bool exact = run_helium(stage);
    const uint64_t end = md_counter_read();
    const uint32_t head[3] = {exact, (uint32_t)(middle - start), (uint32_t)(end - again)};
    check(md_file_write(out, head, sizeof head));
    check(md_file_write(out, scalar_result, output_bytes[stage]));
    check(md_file_write(out, helium_result, output_bytes[stage]));
}

static void write_observation(void *context, uint32_t stage, uint32_t vector, const void *data,
                              uint32_t bytes) {
    (void)stage;
    (void)vector;
    check(md_file_write(*(const int *)context, data, bytes));
}

static void run_frame(int out) {
    static float features[MD_FRONTEND_COEFFICIENTS];
    const md_observation_t unobserved = {NULL, NULL, 0}, observed = {write_observation, &out, 0};
    const uint64_t start = md_counter_read();
    md_frame_features(input.pcm, &unobserved, features);
    const uint32_t ticks = (uint32_t)(md_counter_read() - start);
    check(md_file_write(out, &ticks, sizeof ticks));
    md_frame_features(input.pcm, &observed, features);
}

int main(void) {
    const int in = md_file_open_read("in.bin"), out = md_file_open_write("out.bin");
    check(in >= 0 && out >= 0);
    uint32_t stage;
    while (md_file_read(in, &stage, sizeof stage) == sizeof stage) {
        if (stage == WHOLE_FRAME) {
            check(md_file_read(in, &input, sizeof input.pcm) == sizeof input.pcm);
            run_frame(out);
        } else {
            check(stage < STAGES && output_bytes[stage] != 0u);
            check(md_file_read(in, &input, input_bytes[stage]) == input_bytes[stage]);
            run_stage(out, stage);
        }
    }
    check(md_file_close(out));
    return 0;
}
