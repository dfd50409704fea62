/* md_rows.h: operators that each feed only the next, run a few rows at a time, so that of what lies
 * between them only the rows that are still needed are in memory.
 *
 * The kernels know nothing of this: some rows of an operator's output are what its kernel makes of
 * some rows of the input as of a smaller tensor. A stage's buffer holds rows that follow each other;
 * when it is full, those that are still needed are moved to its front. No row is computed twice. */
#ifndef MD_ROWS_H
#define MD_ROWS_H

#include <stdint.h>

/* One call of a kernel. */
typedef struct {
    const void *input; /* the first row that is read; those above it are padding */
    void *output;
    int32_t input_rows; /* those below them are padding */
    int32_t output_rows;
    int32_t above; /* rows of padding above the input that the first window sees */
} md_rows_call_t;

/* An operator: see md_window.h. */
typedef struct {
    void (*run)(const md_rows_call_t *call);
    int8_t *output;   /* memory for `capacity` rows */
    int32_t capacity; /* `output_height` for the last stage */
    int32_t stripe;   /* output rows of a call at most */
    int32_t input_height;
    int32_t output_height;
    int32_t input_row; /* bytes of a row */
    int32_t output_row;
    int32_t reach; /* input rows that a window spans */
    int32_t stride;
    int32_t pad;
} md_rows_stage_t;

/* How far a stage has come. */
typedef struct {
    int32_t rows;   /* output rows computed */
    int32_t kept;   /* the first of them that is in memory */
    int32_t wanted; /* output rows that the next stage waits for */
} md_rows_progress_t;

/* Told of the rows that a stage has made, in their order, before anything moves them. */
typedef void md_rows_observer_t(void *context, int32_t stage, void *rows, int32_t bytes);

/* Runs `count` stages. The first one's input and the last one's output are in memory as a whole;
 * `progress` has an element for each stage, all zero. `observer` may be NULL; it is told of every
 * stage but the last, with `context`.
 *
 * Guaranteed at generation: the capacities suffice. */
void md_rows_run(const md_rows_stage_t *stages, md_rows_progress_t *progress, int32_t count,
                 const int8_t *input, md_rows_observer_t *observer, void *context);

#endif
