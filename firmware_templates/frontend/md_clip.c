/* md_clip.c: frames out of pieces of a recording, and the padding at its ends. */
#include "md_clip.h"

#include <stddef.h>
#include <string.h>

#include "frontend_config.h"

/* With centring, PAD samples that the recording does not have come before its first. Reflected ones are
 * known once the sample behind the first frame is; the last frame may reflect the sample before it. */
enum {
    PAD = MD_FRONTEND_PADDING,
    BEFORE = PAD > 0,
    AFTER = PAD > 0,
    WINDOW = BEFORE + MD_FRONTEND_FRAME_SAMPLES + AFTER,
    SAMPLE = MD_FRONTEND_CHANNELS, /* elements of a sample */
};

static struct {
    md_frontend_observer_t observer;
    void *context;
    uint32_t samples; /* of the recording, so far */
    uint32_t frames;  /* computed */
    uint32_t fill;    /* of the window */
    uint32_t skip;    /* samples between two windows */
    int16_t window[WINDOW * SAMPLE];
} clip;

static void copy(uint32_t to, const int16_t *from, uint32_t samples) {
    memmove(clip.window + to * SAMPLE, from, samples * SAMPLE * sizeof *from);
}

/* Sample by sample backwards. */
static void reflect(uint32_t to, uint32_t from, uint32_t samples, int32_t direction) {
    for (uint32_t n = 0; n < samples; n++) {
        const int32_t step = direction * (int32_t)n;
        copy((uint32_t)((int32_t)to + step),
             clip.window + (uint32_t)((int32_t)from - step) * SAMPLE, 1);
    }
}

/* The window's frame; then the window moves on by a hop. */
static void compute_frame(void) {
    if (MD_FRONTEND_REFLECT && clip.frames == 0) {
        reflect(BEFORE + PAD - 1u, BEFORE + PAD + 1u, PAD, -1);
    }
    md_frontend_frame(clip.frames, clip.window + BEFORE * SAMPLE, clip.observer, clip.context);
    clip.frames++;
    if (MD_FRONTEND_HOP_SAMPLES < WINDOW) {
        copy(0, clip.window + MD_FRONTEND_HOP_SAMPLES * SAMPLE, WINDOW - MD_FRONTEND_HOP_SAMPLES);
        clip.fill = clip.fill > MD_FRONTEND_HOP_SAMPLES ? clip.fill - MD_FRONTEND_HOP_SAMPLES : 0u;
    } else {
        clip.skip = MD_FRONTEND_HOP_SAMPLES - WINDOW;
        clip.fill = 0;
    }
}

void md_clip_begin(md_frontend_observer_t observer, void *context) {
    memset(&clip, 0, sizeof clip);
    clip.observer = observer;
    clip.context = context;
    clip.fill = BEFORE + PAD;
}

void md_clip_push(const int16_t *pcm, uint32_t samples) {
    const uint32_t wanted = MD_FRONTEND_CLIP_SAMPLES - clip.samples;
    samples = samples < wanted ? samples : wanted;
    clip.samples += samples;
    while (samples > 0 && clip.frames < MD_FRONTEND_FRAMES) {
        const uint32_t skipped = clip.skip < samples ? clip.skip : samples;
        clip.skip -= skipped;
        pcm += skipped * SAMPLE;
        samples -= skipped;
        const uint32_t space = WINDOW - clip.fill;
        const uint32_t taken = samples < space ? samples : space;
        copy(clip.fill, pcm, taken);
        clip.fill += taken;
        pcm += taken * SAMPLE;
        samples -= taken;
        if (clip.fill == WINDOW) {
            compute_frame();
        }
    }
}

/* The frames around the recording's last samples. */
static void compute_last_frames(void) {
    uint32_t frames = clip.samples / MD_FRONTEND_HOP_SAMPLES + 1u;
    frames = frames < MD_FRONTEND_FRAMES ? frames : MD_FRONTEND_FRAMES;
    while (clip.frames < frames) {
        const uint32_t end = clip.fill; /* of the recording, in the window */
        const uint32_t missing = WINDOW - end;
        if (MD_FRONTEND_REFLECT) {
            const uint32_t reflected = missing < end - 1u ? missing : end - 1u;
            reflect(end, end - 2u, reflected, 1);
        } else {
            memset(clip.window + end * SAMPLE, 0, missing * SAMPLE * sizeof clip.window[0]);
        }
        compute_frame();
    }
}

bool md_clip_end(int8_t *input) {
    if (PAD > 0 && clip.samples > PAD) {
        compute_last_frames();
    }
    if (clip.frames < MD_FRONTEND_MIN_FRAMES) {
        return false;
    }
    md_frontend_finish(0, clip.frames, input, clip.observer, clip.context);
    return true;
}
