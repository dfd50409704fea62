/* Implementation of md_rows.h: the last stage asks for input rows, and so on back to the first.
 * mcu_deploy/plan/rows.py repeats it to find the capacities. */
#include "md_rows.h"

#include <stddef.h>
#include <string.h>

/* Copies to lower addresses; what is copied may overlap what is overwritten. Rows are long and often
 * not aligned, where memmove of a small C library goes byte by byte. */
#if defined(__ARM_FEATURE_MVE)

static void move_down(int8_t *to, const int8_t *from, size_t bytes) {
    __asm__ volatile("wlstp.8 lr, %[bytes], 2f\n"
                     "1:\n\t"
                     "vldrb.8 q0, [%[from]], #16\n\t"
                     "vstrb.8 q0, [%[to]], #16\n\t"
                     "letp lr, 1b\n"
                     "2:\n\t"
                     : [from] "+r"(from), [to] "+r"(to)
                     : [bytes] "r"(bytes)
                     : "q0", "lr", "memory");
}

#else

static void move_down(int8_t *to, const int8_t *from, size_t bytes) {
    uint32_t words[4];
    for (; bytes >= sizeof words; bytes -= sizeof words, from += sizeof words, to += sizeof words) {
        memcpy(words, from, sizeof words);
        memcpy(to, words, sizeof words);
    }
    for (; bytes > 0; bytes--) {
        *to++ = *from++;
    }
}

#endif

static int32_t smaller(int32_t one, int32_t other) {
    return one < other ? one : other;
}

/* The first input row that a stage still needs, or padding above the input. */
static int32_t first_needed(const md_rows_stage_t *stage, const md_rows_progress_t *progress) {
    return progress->rows * stage->stride - stage->pad;
}

/* Moves the rows that the next stage still needs to the front of the buffer. */
static void move_up(const md_rows_stage_t *stage, md_rows_progress_t *progress) {
    const int32_t needed = first_needed(stage + 1, progress + 1);
    const int32_t kept = smaller(needed > progress->kept ? needed : progress->kept, progress->rows);
    const size_t gone = (size_t)(kept - progress->kept) * (size_t)stage->output_row;
    const size_t left = (size_t)(progress->rows - kept) * (size_t)stage->output_row;
    move_down(stage->output, stage->output + gone, left);
    progress->kept = kept;
}

/* Computes `count` rows, and gives where. `input` holds those from `first_input` on. */
static int8_t *run(const md_rows_stage_t *stage, md_rows_progress_t *progress, int32_t count,
                   const int8_t *input, int32_t first_input) {
    const int32_t top = first_needed(stage, progress);
    const int32_t first = top > 0 ? top : 0;
    const int32_t end =
        smaller(top + (count - 1) * stage->stride + stage->reach, stage->input_height);
    if (progress->rows + count - progress->kept > stage->capacity) {
        move_up(stage, progress);
    }
    int8_t *const output =
        stage->output + (ptrdiff_t)(progress->rows - progress->kept) * stage->output_row;
    const md_rows_call_t call = {
        .input = input + (ptrdiff_t)(first - first_input) * stage->input_row,
        .output = output,
        .input_rows = end - first,
        .output_rows = count,
        .above = first - top,
    };
    stage->run(&call);
    progress->rows += count;
    return output;
}

void md_rows_run(const md_rows_stage_t *stages, md_rows_progress_t *progress, int32_t count,
                 const int8_t *input, md_rows_observer_t *observer, void *context) {
    const int32_t last = count - 1;
    int32_t at = last;
    progress[last].wanted = stages[last].output_height;
    while (progress[last].rows < stages[last].output_height) {
        const md_rows_stage_t *const stage = &stages[at];
        md_rows_progress_t *const here = &progress[at];
        const int32_t rows = smaller(stage->stripe, here->wanted - here->rows);
        const int32_t end =
            smaller(first_needed(stage, here) + (rows - 1) * stage->stride + stage->reach,
                    stage->input_height);
        if (at > 0 && progress[at - 1].rows < end) {
            at--;
            progress[at].wanted = end;
            continue;
        }
        int8_t *const output = run(stage, here, rows, at > 0 ? stages[at - 1].output : input,
                                   at > 0 ? progress[at - 1].kept : 0);
        if (at < last && observer != NULL) {
            observer(context, at, output, rows * stage->output_row);
        }
        if (at < last && here->rows == here->wanted) {
            at++;
        }
    }
}
