/* Implementation of md_dsp_matmul_s8.h: four rows by two channels at a time, so that three
 * instructions that load and widen weights and two that load rows serve eight multiplications of
 * pairs. */
#include "md_dsp_matmul_s8.h"

#include "md_dsp.h"

#include <stddef.h>

#define ROWS MD_DSP_MATMUL_ROWS
#define CHANNELS 2
#define REQUANTISATION 12 /* bytes of a block behind its weights */

void md_dsp_widen(const int8_t *row, uint32_t depth, uint32_t lane, uint32_t lanes, int8_t *wide) {
    const uint32_t tail = depth % 4;
    const int8_t *const end = row + (depth - tail);
    uint32_t *to = (uint32_t *)(void *)wide + lane;
    for (; row != end; row += 4, to += 2 * lanes) {
        const uint32_t word = md_dsp_load(row);
        to[0] = md_dsp_even(word);
        to[lanes] = md_dsp_odd(word);
    }
    if (tail == 0) {
        return;
    }
    uint32_t word = (uint8_t)row[0];
    if (tail > 1) {
        word |= (uint32_t)(uint8_t)row[tail - 1] << 16;
    }
    to[0] = md_dsp_even(word);
    if (tail == 3) {
        to[lanes] = md_dsp_even((uint8_t)row[1]);
    }
}

/* What is done with four rows that were widened. */
typedef struct {
    int8_t *y[ROWS];     /* where the outputs of each row go on; several may be the same row */
    const int8_t *block; /* the first one */
    const int8_t *wide;
    const int8_t *whole; /* in `wide`, the end of what is done four pairs at a time */
    const int8_t *end;
    int32_t code;    /* of the output's zero point: md_dsp_code */
    uint32_t blocks; /* at least 1 */
    int32_t keep;    /* 1: do one block and keep its sums, as [ROWS][CHANNELS] */
    int32_t sums[ROWS * CHANNELS];
} job_t;

#if MD_DSP

_Static_assert(offsetof(job_t, block) == 16 && offsetof(job_t, wide) == 20 &&
                   offsetof(job_t, whole) == 24 && offsetof(job_t, code) == 32 &&
                   offsetof(job_t, blocks) == 36 && offsetof(job_t, keep) == 40 &&
                   offsetof(job_t, sums) == 44,
               "four_rows has these numbers");

/* A pair of four rows by two channels. r4 to r11 are the sums. */
#define FOUR_ROWS                                                                                  \
    "ldr lr, [r0], #4\n\t"                                                                         \
    "ldrd r2, r3, [r1], #8\n\t"                                                                    \
    "sxtb16 r12, lr\n\t"                                                                           \
    "sxtb16 lr, lr, ror #8\n\t"                                                                    \
    "smlad r4, r2, r12, r4\n\t"                                                                    \
    "smlad r5, r2, lr, r5\n\t"                                                                     \
    "smlad r6, r3, r12, r6\n\t"                                                                    \
    "smlad r7, r3, lr, r7\n\t"                                                                     \
    "ldrd r2, r3, [r1], #8\n\t"                                                                    \
    "smlad r8, r2, r12, r8\n\t"                                                                    \
    "smlad r9, r2, lr, r9\n\t"                                                                     \
    "smlad r10, r3, r12, r10\n\t"                                                                  \
    "smlad r11, r3, lr, r11\n\t"

/* One channel of all rows; lr is what md_dsp_code made. */
#define ROUND_ROWS(row0, row1, row2, row3, shift)                                                  \
    "lsl r1, lr, " shift "\n\t" MD_DSP_ROUND(row0, "r1", shift) MD_DSP_ROUND(row1, "r1", shift)    \
        MD_DSP_ROUND(row2, "r1", shift) MD_DSP_ROUND(row3, "r1", shift)

/* Two outputs of each row, whose places are the first fields of the job in r12. */
#define STORE_ROWS                                                                                 \
    "ldm r12, {r1, r2, r3, lr}\n\t"                                                                \
    "strb r4, [r1], #1\n\t"                                                                        \
    "strb r5, [r1], #1\n\t"                                                                        \
    "strb r6, [r2], #1\n\t"                                                                        \
    "strb r7, [r2], #1\n\t"                                                                        \
    "strb r8, [r3], #1\n\t"                                                                        \
    "strb r9, [r3], #1\n\t"                                                                        \
    "strb r10, [lr], #1\n\t"                                                                       \
    "strb r11, [lr], #1\n\t"                                                                       \
    "stm r12, {r1, r2, r3, lr}\n\t"

#define ROUND_AND_STORE                                                                            \
    ROUND_ROWS("r4", "r6", "r8", "r10", "r2") ROUND_ROWS("r5", "r7", "r9", "r11", "r3") STORE_ROWS

/* Naked, because the loop needs all registers: where it ends lies on the stack. */
static MD_DSP_NAKED void four_rows(__attribute__((unused)) job_t *job) {
    __asm__("push {r0, r4-r11, lr}\n\t"
            "mov r12, r0\n\t"
            "ldr r0, [r12, #16]\n\t"
            "ldrd r2, r3, [r12, #24]\n\t"
            "push {r2, r3}\n"
            "0:\n\t"
            "ldr r1, [r12, #20]\n\t"
            "ldrd r4, r5, [r0], #8\n\t"
            "mov r6, r4\n\t"
            "mov r7, r5\n\t"
            "mov r8, r4\n\t"
            "mov r9, r5\n\t"
            "mov r10, r4\n\t"
            "mov r11, r5\n\t"
            "ldr r2, [sp]\n\t"
            "cmp r1, r2\n\t"
            "beq 2f\n"
            "1:\n\t" FOUR_ROWS FOUR_ROWS FOUR_ROWS FOUR_ROWS "ldr r2, [sp]\n\t"
            "cmp r1, r2\n\t"
            "bne 1b\n"
            "2:\n\t"
            "ldr r2, [sp, #4]\n\t"
            "cmp r1, r2\n\t"
            "beq 4f\n"
            "3:\n\t" FOUR_ROWS "ldr r2, [sp, #4]\n\t"
            "cmp r1, r2\n\t"
            "bne 3b\n"
            "4:\n\t"
            "ldr r12, [sp, #8]\n\t"
            "ldr lr, [r12, #40]\n\t"
            "cmp lr, #0\n\t"
            "bne 5f\n\t"
            "ldrd r2, r3, [r0], #8\n\t"
            "smmlar r4, r4, r2, r4\n\t"
            "smmlar r5, r5, r3, r5\n\t"
            "smmlar r6, r6, r2, r6\n\t"
            "smmlar r7, r7, r3, r7\n\t"
            "smmlar r8, r8, r2, r8\n\t"
            "smmlar r9, r9, r3, r9\n\t"
            "smmlar r10, r10, r2, r10\n\t"
            "smmlar r11, r11, r3, r11\n\t"
            "ldrsb r2, [r0], #1\n\t"
            "ldrsb r3, [r0], #3\n\t"
            "ldr lr, [r12, #32]\n\t" ROUND_AND_STORE "ldr r1, [r12, #36]\n\t"
            "subs r1, #1\n\t"
            "str r1, [r12, #36]\n\t"
            "bne 0b\n\t"
            "b 6f\n"
            "5:\n\t"
            "add lr, r12, #44\n\t"
            "stm lr, {r4-r11}\n"
            "6:\n\t"
            "str r0, [r12, #16]\n\t"
            "add sp, #12\n\t"
            "pop {r4-r11, pc}");
}

/* A pair of one row by two channels: weights in w, the row in x. */
#define ONE_ROW(w, x)                                                                              \
    "sxtb16 r12, " w "\n\t"                                                                        \
    "sxtb16 " w ", " w ", ror #8\n\t"                                                              \
    "smlad r4, " x ", r12, r4\n\t"                                                                 \
    "smlad r5, " x ", " w ", r5\n\t"

/* The sums of a block in one row, as sums[CHANNELS]; gives where its multipliers are. */
static MD_DSP_NAKED const int8_t *sum_row(__attribute__((unused)) const int8_t *block,
                                          __attribute__((unused)) const int8_t *wide,
                                          __attribute__((unused)) uint32_t pairs,
                                          __attribute__((unused)) int32_t *sums) {
    __asm__("push {r2-r11, lr}\n\t"
            "ldrd r4, r5, [r0], #8\n\t"
            "lsrs lr, r2, #2\n\t"
            "beq 2f\n"
            "1:\n\t"
            "ldm r0!, {r6-r9}\n\t"
            "ldm r1!, {r2, r3, r10, r11}\n\t" ONE_ROW("r6", "r2") ONE_ROW("r7", "r3")
                ONE_ROW("r8", "r10") ONE_ROW("r9", "r11") "subs lr, #1\n\t"
                                                          "bne 1b\n"
                                                          "2:\n\t"
                                                          "ldr lr, [sp]\n\t"
                                                          "ands lr, #3\n\t"
                                                          "beq 4f\n"
                                                          "3:\n\t"
                                                          "ldr r6, [r0], #4\n\t"
                                                          "ldr r2, [r1], #4\n\t" ONE_ROW(
                                                              "r6", "r2") "subs lr, #1\n\t"
                                                                          "bne 3b\n"
                                                                          "4:\n\t"
                                                                          "ldr r2, [sp, #4]\n\t"
                                                                          "strd r4, r5, [r2]\n\t"
                                                                          "add sp, #8\n\t"
                                                                          "pop {r4-r11, pc}");
}

#else

static const int8_t *sum_lanes(const int8_t *block, const int8_t *wide, uint32_t pairs,
                               int32_t *sums, uint32_t lanes) {
    const int8_t *const weights = block + CHANNELS * sizeof(int32_t);
    const uint32_t *const rows = (const uint32_t *)(const void *)wide;
    for (uint32_t i = 0; i < lanes * CHANNELS; i++) {
        const uint32_t c = i % CHANNELS;
        int32_t sum;
        memcpy(&sum, block + sizeof sum * c, sizeof sum);
        for (uint32_t k = 0; k < pairs; k++) {
            const uint32_t pair = rows[lanes * k + i / CHANNELS];
            sum += md_dsp_low(pair) * weights[4 * k + c];
            sum += md_dsp_high(pair) * weights[4 * k + 2 + c];
        }
        sums[i] = sum;
    }
    return weights + 4 * pairs;
}

static const int8_t *sum_row(const int8_t *block, const int8_t *wide, uint32_t pairs,
                             int32_t *sums) {
    return sum_lanes(block, wide, pairs, sums, 1);
}

static void four_rows(job_t *job) {
    const uint32_t pairs = (uint32_t)(job->end - job->wide) / (ROWS * 4);
    for (; job->blocks > 0; job->blocks--) {
        const int8_t *after = sum_lanes(job->block, job->wide, pairs, job->sums, ROWS);
        job->block = after;
        if (job->keep) {
            return;
        }
        for (uint32_t i = 0; i < ROWS * CHANNELS; i++) {
            const uint32_t c = i % CHANNELS;
            uint32_t doubled;
            memcpy(&doubled, after + sizeof doubled * c, sizeof doubled);
            const int32_t value = md_dsp_requantize(job->sums[i], doubled, job->code,
                                                    after[CHANNELS * sizeof doubled + c]);
            *job->y[i / CHANNELS]++ = (int8_t)md_dsp_saturate(value);
        }
        job->block += REQUANTISATION;
    }
}

#endif

/* Requantises channel `c` of a block in `rows` rows; `after` points behind the block's weights. */
static void finish(const md_dsp_matmul_t *p, const int32_t *sums, const int8_t *after, uint32_t c,
                   uint32_t rows, int8_t *y) {
    const int32_t shift = after[CHANNELS * sizeof(uint32_t) + c];
    uint32_t doubled;
    memcpy(&doubled, after + sizeof doubled * c, sizeof doubled);
    for (uint32_t row = 0; row < rows; row++, sums += CHANNELS, y += p->channels) {
        *y = md_dsp_finish(sums[c], doubled, shift, p->direct, p->output_zero_point,
                           p->activation_min, p->activation_max);
    }
}

static void one_row(const md_dsp_matmul_t *p, const int8_t *wide, int8_t *y) {
    const uint32_t pairs = (p->depth + 1) / 2;
    const int8_t *block = p->blocks;
    int32_t sums[CHANNELS];
    for (uint32_t channel = 0; channel < p->channels; channel++) {
        const uint32_t c = channel % CHANNELS;
        if (c == 0) {
            block = sum_row(block, wide, pairs, sums);
        }
        finish(p, sums, block, c, 1, y + channel);
        block += c * REQUANTISATION;
    }
}

/* The blocks from `channel` on that four_rows cannot requantise: one after the other. */
static void any_blocks(const md_dsp_matmul_t *p, job_t *job, uint32_t channel, uint32_t rows,
                       int8_t *y) {
    job->keep = 1;
    while (channel < p->channels) {
        job->blocks = 1;
        four_rows(job);
        for (uint32_t c = 0; c < CHANNELS && channel < p->channels; c++, channel++) {
            finish(p, job->sums, job->block, c, rows, y + channel);
        }
        job->block += REQUANTISATION;
    }
}

void md_dsp_matmul_s8(const md_dsp_matmul_t *p, uint32_t rows, const int8_t *wide, int8_t *y) {
    if (rows == 1) {
        one_row(p, wide, y);
        return;
    }
    const uint32_t pairs = (p->depth + 1) / 2;
    const uint32_t direct = p->direct ? p->channels / CHANNELS : 0;
    job_t job; /* field by field: an initialiser would clear the sums each time */
    job.block = p->blocks;
    job.wide = wide;
    job.whole = wide + ROWS * 4 * (pairs & ~(uint32_t)3);
    job.end = wide + ROWS * 4 * pairs;
    job.code = md_dsp_code(p->output_zero_point);
    job.blocks = direct;
    job.keep = 0;
    if (direct > 0) {
        job.y[0] = y;
        for (uint32_t row = 1; row < ROWS; row++) {
            job.y[row] = job.y[row - 1] + (row < rows ? p->channels : 0);
        }
        four_rows(&job);
        md_dsp_limit(y, rows * p->channels, p->activation_min, p->activation_max);
    }
    any_blocks(p, &job, direct * CHANNELS, rows, y);
}
