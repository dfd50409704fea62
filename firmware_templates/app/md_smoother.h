/* md_smoother.h: scores of overlapping windows to detections, as in keyword spotting.
 *
 * Each output is averaged over the last windows; the highest one is detected where its mean reaches a
 * threshold. Nothing is detected before there are enough windows, for a while after a detection, and
 * again of the same output before its mean has been below the threshold. Integers only: sums in place of
 * means. mcu_deploy/detect.py does the same. Not reentrant. */
#ifndef MD_SMOOTHER_H
#define MD_SMOOTHER_H

#include <stdbool.h>
#include <stdint.h>

#ifndef MD_SMOOTHER_OUTPUTS
#error "define MD_SMOOTHER_OUTPUTS, the elements of the model's output"
#endif

enum {
    MD_SMOOTHER_MAX_WINDOWS = 32,
    MD_SMOOTHER_WORDS = (MD_SMOOTHER_OUTPUTS + 31) / 32,
};

typedef struct {
    uint32_t windows;                    /* to average, 1 to MD_SMOOTHER_MAX_WINDOWS */
    int32_t threshold;                   /* of the sum of one int8 output over that many windows */
    uint32_t suppress;                   /* windows after a detection without another */
    uint32_t ignored[MD_SMOOTHER_WORDS]; /* bit n % 32 of word n / 32: output n is never detected */
} md_smoother_config_t;

typedef struct {
    uint32_t output;
    int32_t sum; /* of it, over the windows: the score is (sum / windows - zero point) * scale */
} md_detection_t;

void md_smoother_begin(const md_smoother_config_t *config);

/* Takes the MD_SMOOTHER_OUTPUTS outputs of the next window. Returns whether that makes a detection. */
bool md_smoother_push(const int8_t *outputs, md_detection_t *detection);

#endif
