#include "md_smoother.h"

#include <string.h>

enum { NONE = -1 };

static struct {
    md_smoother_config_t config;
    uint32_t count; /* windows in the sums */
    uint32_t next;  /* row to be written: the oldest, once there are enough */
    uint32_t quiet; /* windows to come without a detection */
    int32_t held;   /* the last detected output, until it falls below the threshold; or NONE */
    int32_t sums[MD_SMOOTHER_OUTPUTS];
    int8_t rows[MD_SMOOTHER_MAX_WINDOWS][MD_SMOOTHER_OUTPUTS];
} smoother;

void md_smoother_begin(const md_smoother_config_t *config) {
    memset(&smoother, 0, sizeof smoother);
    smoother.config = *config;
    smoother.held = NONE;
}

static void add(const int8_t *outputs) {
    int8_t *const row = smoother.rows[smoother.next];
    for (uint32_t i = 0; i < MD_SMOOTHER_OUTPUTS; i++) {
        smoother.sums[i] += outputs[i] - row[i]; /* rows are zeros at first */
        row[i] = outputs[i];
    }
    smoother.next = (smoother.next + 1u) % smoother.config.windows;
    smoother.count += smoother.count < smoother.config.windows;
}

/* The first of equals. */
static uint32_t highest(void) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < MD_SMOOTHER_OUTPUTS; i++) {
        best = smoother.sums[i] > smoother.sums[best] ? i : best;
    }
    return best;
}

static bool ignored(uint32_t output) {
    return ((smoother.config.ignored[output / 32u] >> (output % 32u)) & 1u) != 0u;
}

bool md_smoother_push(const int8_t *outputs, md_detection_t *detection) {
    add(outputs);
    if (smoother.count < smoother.config.windows) {
        return false;
    }
    const int32_t threshold = smoother.config.threshold;
    if (smoother.held != NONE && smoother.sums[smoother.held] < threshold) {
        smoother.held = NONE;
    }
    if (smoother.quiet > 0) {
        smoother.quiet--;
        return false;
    }
    const uint32_t best = highest();
    if (smoother.sums[best] < threshold || ignored(best) || (int32_t)best == smoother.held) {
        return false;
    }
    smoother.held = (int32_t)best;
    smoother.quiet = smoother.config.suppress;
    detection->output = best;
    detection->sum = smoother.sums[best];
    return true;
}
