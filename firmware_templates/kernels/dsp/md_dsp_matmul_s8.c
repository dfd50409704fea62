/* Implementation of md_dsp_matmul_s8.h: four rows by two channels at a time, so that three
 * instructions that load and widen weights and two that load rows serve eight multiplications of
 * pairs. */
#include "md_dsp_matmul_s8.h"

#include "md_dsp.h"
#include "md_requantize.h"

#define ROWS MD_DSP_MATMUL_ROWS
#define CHANNELS 2

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

#if MD_DSP

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

/* The sums of a block in all rows, as sums[ROWS][CHANNELS]; gives where its multipliers are. Naked,
 * because the loop needs all registers: where it ends lies on the stack. */
static __attribute__((naked, noinline)) const int8_t *
sum_rows(__attribute__((unused)) const int8_t *block, __attribute__((unused)) const int8_t *wide,
         __attribute__((unused)) uint32_t pairs, __attribute__((unused)) int32_t *sums) {
    __asm__("push {r3-r11, lr}\n\t"
            "add r12, r1, r2, lsl #4\n\t"
            "bic r2, r2, #3\n\t"
            "add r2, r1, r2, lsl #4\n\t"
            "push {r2, r12}\n\t"
            "ldrd r4, r5, [r0], #8\n\t"
            "mov r6, r4\n\t"
            "mov r7, r5\n\t"
            "mov r8, r4\n\t"
            "mov r9, r5\n\t"
            "mov r10, r4\n\t"
            "mov r11, r5\n\t"
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
            "ldr r2, [sp, #8]\n\t"
            "stm r2, {r4-r11}\n\t"
            "add sp, #12\n\t"
            "pop {r4-r11, pc}");
}

/* A pair of one row by two channels: weights in w, the row in x. */
#define ONE_ROW(w, x)                                                                              \
    "sxtb16 r12, " w "\n\t"                                                                        \
    "sxtb16 " w ", " w ", ror #8\n\t"                                                              \
    "smlad r4, " x ", r12, r4\n\t"                                                                 \
    "smlad r5, " x ", " w ", r5\n\t"

/* The same of one row, as sums[CHANNELS]. */
static __attribute__((naked, noinline)) const int8_t *
sum_row(__attribute__((unused)) const int8_t *block, __attribute__((unused)) const int8_t *wide,
        __attribute__((unused)) uint32_t pairs, __attribute__((unused)) int32_t *sums) {
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

static const int8_t *sum_rows(const int8_t *block, const int8_t *wide, uint32_t pairs,
                              int32_t *sums) {
    return sum_lanes(block, wide, pairs, sums, ROWS);
}

static const int8_t *sum_row(const int8_t *block, const int8_t *wide, uint32_t pairs,
                             int32_t *sums) {
    return sum_lanes(block, wide, pairs, sums, 1);
}

#endif

/* Requantises channel `c` of a block in `rows` rows; `after` points behind the block's weights. */
static inline __attribute__((always_inline)) void finish(const md_dsp_matmul_t *p,
                                                         const int32_t *sums, const int8_t *after,
                                                         uint32_t c, uint32_t rows, int8_t *y) {
    uint32_t doubled;
    memcpy(&doubled, after + sizeof doubled * c, sizeof doubled);
    const int32_t shift = -after[CHANNELS * sizeof doubled + c];
    const int32_t offset = md_dsp_offset(p->output_zero_point, shift);
#pragma GCC unroll 4
    for (uint32_t row = 0; row < rows; row++) {
        const int32_t value = md_dsp_requantize(sums[CHANNELS * row + c], doubled, offset, shift);
        y[row * p->channels + c] = (int8_t)md_dsp_saturate(value);
    }
}

/* The same for any multiplier, shift and limits. */
static __attribute__((noinline)) void finish_any(const md_dsp_matmul_t *p, const int32_t *sums,
                                                 const int8_t *after, uint32_t c, uint32_t rows,
                                                 int8_t *y) {
    uint32_t doubled;
    memcpy(&doubled, after + sizeof doubled * c, sizeof doubled);
    const int32_t shift = after[CHANNELS * sizeof doubled + c];
    for (uint32_t row = 0; row < rows; row++) {
        y[row * p->channels + c] =
            md_requantize_s8(sums[CHANNELS * row + c], (int32_t)(doubled >> 1), shift,
                             p->output_zero_point, p->activation_min, p->activation_max);
    }
}

void md_dsp_matmul_s8(const md_dsp_matmul_t *p, uint32_t rows, const int8_t *wide, int8_t *y) {
    const uint32_t pairs = (p->depth + 1) / 2;
    const int direct = p->direct && p->activation_min == INT8_MIN && p->activation_max == INT8_MAX;
    const int8_t *block = p->blocks;
    int32_t sums[ROWS * CHANNELS];
    for (uint32_t channel = 0; channel < p->channels; channel += CHANNELS) {
        const uint32_t last = channel + 1 < p->channels ? 1 : 0;
        const int8_t *const after =
            rows == 1 ? sum_row(block, wide, pairs, sums) : sum_rows(block, wide, pairs, sums);
        if (!direct) {
            for (uint32_t c = 0; c <= last; c++) {
                finish_any(p, sums, after, c, rows, y);
            }
        } else if (rows == ROWS) {
            finish(p, sums, after, 0, ROWS, y);
            if (last) {
                finish(p, sums, after, 1, ROWS, y);
            }
        } else {
            for (uint32_t c = 0; c <= last; c++) {
                finish(p, sums, after, c, rows, y);
            }
        }
        block = after + CHANNELS * sizeof(uint32_t) + 4;
        y += CHANNELS;
    }
}
