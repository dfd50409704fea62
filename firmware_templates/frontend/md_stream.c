#include "md_stream.h"

#include <string.h>

#include "frontend_config.h"

#if MD_FRONTEND_PADDING == 0

#include "md_cutter.h"

static struct {
    md_frontend_observer_t observer;
    void *context;
    uint32_t stride;
    uint32_t
        first; /* frame of the window: below MD_FRONTEND_FRAMES, so that numbers never overflow */
    uint32_t frames; /* of the window, kept */
    uint32_t unused; /* frames to come that lie between two windows */
    md_cutter_t cutter;
} stream;

void md_stream_begin(uint32_t stride, md_frontend_observer_t observer, void *context) {
    memset(&stream, 0, sizeof stream);
    stream.observer = observer;
    stream.context = context;
    stream.stride = stride;
}

bool md_stream_ready(void) {
    return stream.frames == MD_FRONTEND_FRAMES;
}

static void use_frame(void) {
    if (stream.unused > 0) {
        stream.unused--;
    } else {
        md_frontend_frame(stream.first + stream.frames, md_cutter_frame(&stream.cutter),
                          stream.observer, stream.context);
        stream.frames++;
    }
    md_cutter_advance(&stream.cutter);
}

uint32_t md_stream_push(const int16_t *pcm, uint32_t samples) {
    uint32_t taken = 0;
    while (taken < samples && !md_stream_ready()) {
        taken += md_cutter_fill(&stream.cutter, pcm + taken * MD_CUTTER_SAMPLE, samples - taken);
        if (md_cutter_full(&stream.cutter)) {
            use_frame();
        }
    }
    return taken;
}

void md_stream_take(int8_t *input) {
    md_frontend_finish(stream.first, MD_FRONTEND_FRAMES, input, stream.observer, stream.context);
    const uint32_t left = stream.stride < MD_FRONTEND_FRAMES ? stream.stride : MD_FRONTEND_FRAMES;
    stream.first = (stream.first + left) % MD_FRONTEND_FRAMES;
    stream.frames = MD_FRONTEND_FRAMES - left;
    stream.unused = stream.stride - left;
}

#else

#include "md_clip.h"

enum { SAMPLE = MD_FRONTEND_CHANNELS }; /* elements of a sample */

static struct {
    md_frontend_observer_t observer;
    void *context;
    uint32_t stride; /* in samples */
    uint32_t next;   /* sample of the ring to be written: the oldest */
    uint32_t wanted; /* samples until the window is complete */
    int16_t ring[MD_FRONTEND_CLIP_SAMPLES * SAMPLE];
} stream;

void md_stream_begin(uint32_t stride, md_frontend_observer_t observer, void *context) {
    stream.observer = observer;
    stream.context = context;
    stream.stride = stride * MD_FRONTEND_HOP_SAMPLES;
    stream.next = 0;
    stream.wanted = MD_FRONTEND_CLIP_SAMPLES;
}

bool md_stream_ready(void) {
    return stream.wanted == 0;
}

uint32_t md_stream_push(const int16_t *pcm, uint32_t samples) {
    uint32_t taken = 0;
    while (taken < samples && stream.wanted > 0) {
        uint32_t piece = samples - taken;
        const uint32_t space = MD_FRONTEND_CLIP_SAMPLES - stream.next;
        piece = piece < stream.wanted ? piece : stream.wanted;
        piece = piece < space ? piece : space;
        memcpy(stream.ring + stream.next * SAMPLE, pcm + taken * SAMPLE,
               piece * SAMPLE * sizeof *pcm);
        stream.next = (stream.next + piece) % MD_FRONTEND_CLIP_SAMPLES;
        stream.wanted -= piece;
        taken += piece;
    }
    return taken;
}

void md_stream_take(int8_t *input) {
    md_clip_begin(stream.observer, stream.context);
    md_clip_push(stream.ring + stream.next * SAMPLE, MD_FRONTEND_CLIP_SAMPLES - stream.next);
    md_clip_push(stream.ring, stream.next);
    (void)md_clip_end(input); /* a window has all frames */
    stream.wanted = stream.stride;
}

#endif
