/* md_clip.c: frames out of pieces of a recording, and the padding at its ends. */
#include "md_clip.h"

#include <stddef.h>
#include <string.h>

#include "md_cutter.h"

/* With centring, PAD samples that the recording does not have come before its first. Reflected ones are
 * known once the sample behind the first frame is; the last frame may reflect the sample before it. */
enum {
    PAD = MD_FRONTEND_PADDING,
    BEFORE = MD_CUTTER_MARGIN,
    WINDOW = MD_CUTTER_WINDOW,
    SAMPLE = MD_CUTTER_SAMPLE,
};

static struct {
    md_frontend_observer_t observer;
    void *context;
    uint32_t samples; /* of the recording, so far */
    uint32_t frames;  /* computed */
    md_cutter_t cutter;
} clip;

/* Sample by sample backwards. */
static void reflect(uint32_t to, uint32_t from, uint32_t samples, int32_t direction) {
    for (uint32_t n = 0; n < samples; n++) {
        const int32_t step = direction * (int32_t)n;
        md_cutter_copy(&clip.cutter, (uint32_t)((int32_t)to + step),
                       clip.cutter.window + (uint32_t)((int32_t)from - step) * SAMPLE, 1);
    }
}

static void compute_frame(void) {
    if (MD_FRONTEND_REFLECT && clip.frames == 0) {
        reflect(BEFORE + PAD - 1u, BEFORE + PAD + 1u, PAD, -1);
    }
    md_frontend_frame(clip.frames, md_cutter_frame(&clip.cutter), clip.observer, clip.context);
    clip.frames++;
    md_cutter_advance(&clip.cutter);
}

void md_clip_begin(md_frontend_observer_t observer, void *context) {
    memset(&clip, 0, sizeof clip);
    clip.observer = observer;
    clip.context = context;
    clip.cutter.fill = BEFORE + PAD;
}

void md_clip_push(const int16_t *pcm, uint32_t samples) {
    const uint32_t wanted = MD_FRONTEND_CLIP_SAMPLES - clip.samples;
    samples = samples < wanted ? samples : wanted;
    clip.samples += samples;
    while (samples > 0 && clip.frames < MD_FRONTEND_FRAMES) {
        const uint32_t taken = md_cutter_fill(&clip.cutter, pcm, samples);
        pcm += taken * SAMPLE;
        samples -= taken;
        if (md_cutter_full(&clip.cutter)) {
            compute_frame();
        }
    }
}

/* The frames around the recording's last samples. */
static void compute_last_frames(void) {
    uint32_t frames = clip.samples / MD_FRONTEND_HOP_SAMPLES + 1u;
    frames = frames < MD_FRONTEND_FRAMES ? frames : MD_FRONTEND_FRAMES;
    while (clip.frames < frames) {
        const uint32_t end = clip.cutter.fill; /* of the recording, in the window */
        const uint32_t missing = WINDOW - end;
        if (MD_FRONTEND_REFLECT) {
            const uint32_t reflected = missing < end - 1u ? missing : end - 1u;
            reflect(end, end - 2u, reflected, 1);
        } else {
            memset(clip.cutter.window + end * SAMPLE, 0,
                   missing * SAMPLE * sizeof clip.cutter.window[0]);
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
