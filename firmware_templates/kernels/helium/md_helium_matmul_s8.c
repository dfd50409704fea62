/* Implementation of md_helium_matmul_s8.h: two rows by four channels at a time, so that six loads
 * serve eight multiplications of 16 lanes. */
#include "md_helium_matmul_s8.h"

#include <stddef.h>

#define BLOCK_CHANNELS 4
#define LANES 16

#if defined(__ARM_FEATURE_MVE)

#include "md_helium.h"

/* Two rows are assembly. VMLADAVA adds to even-numbered registers only, and eight sums take all of
 * them: from intrinsics GCC 12 makes 23 instructions of the 14 of a chunk, and 54 of the 23 around
 * the chunks of a block, most of the others moves and spills. A naked function has r7 too, and a
 * frame of its own:
 *
 *     r0 r2 r4 r6, r8 r10 r12 lr   sums of both rows, free between blocks
 *     r1 constants   r3 r5 outputs   r9 r11 rows   r7 turns left
 *
 * Stores that narrow take addresses from r0 to r7 only. */

/* clang-format off */

/* 16 elements of two rows, in q0 and q1, by four channels. */
#define CHUNK(multiply, load0, load1)                                                              \
    load0                                                                                          \
    "vldrb.8 q2, [r1], #16\n\t"                                                                    \
    multiply " r0, q0, q2\n\t"                                                                     \
    load1                                                                                          \
    multiply " r8, q1, q2\n\t"                                                                     \
    "vldrb.8 q3, [r1], #16\n\t"                                                                    \
    multiply " r2, q0, q3\n\t"                                                                     \
    multiply " r10, q1, q3\n\t"                                                                    \
    "vldrb.8 q2, [r1], #16\n\t"                                                                    \
    multiply " r4, q0, q2\n\t"                                                                     \
    multiply " r12, q1, q2\n\t"                                                                    \
    "vldrb.8 q3, [r1], #16\n\t"                                                                    \
    multiply " r6, q0, q3\n\t"                                                                     \
    multiply " lr, q1, q3\n\t"

/* The first chunk sets the sums, of the elements that the block before ended with. */
#define FIRST CHUNK("vmladav.s8", , )
#define NEXT(step)                                                                                 \
    CHUNK("vmladava.s8", "vldrb.8 q0, [r9, #" step "]!\n\t", "vldrb.8 q1, [r11, #" step "]!\n\t")

/* The others are added: so many a turn, each of so many bytes of code. */
#define TURN(step) NEXT(step) NEXT(step) NEXT(step) NEXT(step) NEXT(step) NEXT(step)
#define TURN_CHUNKS 6
#define CHUNK_BYTES 56

/* 16 elements of two rows that stay in q6 and q7. */
#define ONLY_CHUNK                                                                                 \
    "vldrb.8 q2, [r1], #16\n\t"                                                                    \
    "vmladav.s8 r0, q6, q2\n\t"                                                                    \
    "vmladav.s8 r8, q7, q2\n\t"                                                                    \
    "vldrb.8 q3, [r1], #16\n\t"                                                                    \
    "vmladav.s8 r2, q6, q3\n\t"                                                                    \
    "vmladav.s8 r10, q7, q3\n\t"                                                                   \
    "vldrb.8 q2, [r1], #16\n\t"                                                                    \
    "vmladav.s8 r4, q6, q2\n\t"                                                                    \
    "vmladav.s8 r12, q7, q2\n\t"                                                                   \
    "vldrb.8 q3, [r1], #16\n\t"                                                                    \
    "vmladav.s8 r6, q6, q3\n\t"                                                                    \
    "vmladav.s8 lr, q7, q3\n\t"

/* From the sums of a block to two vectors of outputs without the zero point. `plain` is a jump over
 * what rounds halves of negative values away from zero. */
#define SCALE(row0, row1, plain)                                                                   \
    "vmov " row0 "[2], " row0 "[0], r0, r4\n\t"                                                    \
    "vmov " row0 "[3], " row0 "[1], r2, r6\n\t"                                                    \
    "vmov " row1 "[2], " row1 "[0], r8, r12\n\t"                                                   \
    "vmov " row1 "[3], " row1 "[1], r10, lr\n\t"                                                   \
    "vldrw.32 q2, [r1], #16\n\t"                                                                   \
    "vadd.i32 " row0 ", " row0 ", q2\n\t"                                                          \
    "vadd.i32 " row1 ", " row1 ", q2\n\t"                                                          \
    "vldrw.32 q3, [r1], #16\n\t"                                                                   \
    "vqrdmulh.s32 " row0 ", " row0 ", q3\n\t"                                                      \
    "vqrdmulh.s32 " row1 ", " row1 ", q3\n\t"                                                      \
    "vldrb.s32 q2, [r1], #4\n\t"                                                                   \
    plain " 9f\n\t"                                                                                \
    "vshr.s32 q3, " row0 ", #31\n\t"                                                               \
    "vadd.i32 " row0 ", " row0 ", q3\n\t"                                                          \
    "vshr.s32 q3, " row1 ", #31\n\t"                                                               \
    "vadd.i32 " row1 ", " row1 ", q3\n"                                                            \
    "9:\n\t"                                                                                       \
    "vrshl.s32 " row0 ", " row0 ", q2\n\t"                                                         \
    "vrshl.s32 " row1 ", " row1 ", q2\n\t"

/* Eight channels of two rows, of q4 with `odd0` and q5 with `odd1`, or as many as the predicate
 * says. */
#define STORE_EIGHT(odd0, odd1, zero_point)                                                        \
    "vqmovnb.s32 q4, q4\n\t"                                                                       \
    "vqmovnt.s32 q4, " odd0 "\n\t"                                                                 \
    "vqmovnb.s32 q5, q5\n\t"                                                                       \
    "vqmovnt.s32 q5, " odd1 "\n\t"                                                                 \
    "vqadd.s16 q4, q4, " zero_point "\n\t"                                                         \
    "vqadd.s16 q5, q5, " zero_point "\n\t"                                                         \
    "vqmovnb.s16 q4, q4\n\t"                                                                       \
    "vqmovnb.s16 q5, q5\n\t"                                                                       \
    "vpstt\n\t"                                                                                    \
    "vstrbt.16 q4, [r3], #8\n\t"                                                                   \
    "vstrbt.16 q5, [r5], #8\n\t"

/* At most four of q4 and q5: `left`. */
#define STORE_FOUR(zero_point, left)                                                               \
    "vqmovnb.s32 q4, q4\n\t"                                                                       \
    "vqmovnt.s32 q4, q5\n\t"                                                                       \
    "vqadd.s16 q4, q4, " zero_point "\n\t"                                                         \
    "vqmovnb.s16 q4, q4\n\t"                                                                       \
    "vshr.u32 q5, q4, #16\n\t"                                                                     \
    "vctp.32 " left "\n\t"                                                                         \
    "vpstt\n\t"                                                                                    \
    "vstrbt.32 q4, [r3]\n\t"                                                                       \
    "vstrbt.32 q5, [r5]\n\t"

/* What the assembly begins with, in the order in which it lies in its frame. */
typedef struct {
    uint32_t turns;   /* twice, less 1 if halves of negative values do not count */
    uint32_t skip[2]; /* bytes of the first turn's code, forward and backward, to skip */
    uint32_t next;    /* where a forward block goes on; set by the assembly */
    int32_t zero_point;
    uint32_t end;     /* eight before the end of the first row's outputs; set by the assembly */
    const int8_t *x;
    int8_t *y;
    uint32_t depth;
    uint32_t channels;
    const int8_t *blocks;
    const int8_t *x_end;
} frame_t;

#define ENTER                                                                                      \
    "push {r4-r11, lr}\n\t"                                                                        \
    "vpush {d8-d15}\n\t"                                                                           \
    "sub sp, #52\n\t"                                                                              \
    "ldm r0, {r1-r12}\n\t"
/* Behind the outputs of a pair of rows: where the next one and its outputs begin. It goes on at 0. */
#define LEAVE_AFTER_PAIRS(row, output)                                                             \
    "ldrd " row ", " output ", [sp, #24]\n\t"                                                      \
    "ldr r0, [sp, #44]\n\t"                                                                        \
    "cmp r0, " row "\n\t"                                                                          \
    "bne.w 0b\n\t"                                                                                 \
    "add sp, #52\n\t"                                                                              \
    "vpop {d8-d15}\n\t"                                                                            \
    "pop {r4-r11, pc}\n\t"

/* Pairs of rows. Their blocks are read forward and backward in turn, so that each begins with the
 * elements that the one before ended with. A low-overhead loop would need lr. ADR counts from a
 * multiple of 4. */
__attribute__((naked, noinline, aligned(4)))
static void row_pairs(const frame_t *frame __attribute__((unused))) {
    __asm__ volatile(
        ENTER
        "adr.w r0, 2f\n\t"
        "add r2, r2, r0\n\t"
        "adr.w r0, 4f\n\t"
        "add r3, r3, r0\n\t"
        "stm sp, {r1-r12}\n\t"
        "ldrd r9, r3, [sp, #24]\n"
        /* A pair of rows: its pointers, and the next pair's. */
        "0:\n\t"
        "ldrd r0, r2, [sp, #32]\n\t"
        "add r11, r9, r0\n\t"
        "vldrb.8 q0, [r9]\n\t"
        "vldrb.8 q1, [r11]\n\t"
        "add r5, r3, r2\n\t"
        "sub r4, r5, #8\n\t"
        "str r4, [sp, #20]\n\t"
        "add r0, r0, r11\n\t"
        "add r4, r5, r2\n\t"
        "strd r0, r4, [sp, #24]\n\t"
        "ldr r1, [sp, #40]\n\t"
        "vctp.16 r2\n\t"
        "adr.w r0, 3f\n\t"
        "cmp r2, #4\n\t"
        "bgt 6f\n"
        "5:\n\t"
        "adr.w r0, 7f\n"
        "6:\n\t"
        "adds r0, #1\n\t"
        "str r0, [sp, #12]\n"
        /* Four channels forward. */
        "1:\n\t"
        FIRST
        "ldm.w sp, {r7, pc}\n"
        "2:\n\t"
        TURN("16")
        "subs r7, #2\n\t"
        "bgt.w 2b\n\t"
        SCALE("q4", "q5", "bmi")
        "ldr.w pc, [sp, #12]\n"
        /* Four more backward. */
        "3:\n\t"
        FIRST
        "ldr r7, [sp]\n\t"
        "ldr.w pc, [sp, #8]\n"
        "4:\n\t"
        TURN("-16")
        "subs r7, #2\n\t"
        "bgt.w 4b\n\t"
        SCALE("q6", "q7", "bmi")
        "ldrd r0, r2, [sp, #16]\n\t"
        STORE_EIGHT("q6", "q7", "r0")
        "subs r2, r2, r3\n\t"
        "bge.w 1b\n\t"
        "adds r2, #8\n\t"
        "ble 8f\n\t"
        "vctp.16 r2\n\t"
        "cmp r2, #4\n\t"
        "bgt.w 1b\n\t"
        "b 5b\n"
        /* The last four are alone. */
        "7:\n\t"
        "ldrd r0, r2, [sp, #16]\n\t"
        "sub r2, r2, r3\n\t"
        "add r2, #8\n\t"
        STORE_FOUR("r0", "r2")
        "8:\n\t"
        LEAVE_AFTER_PAIRS("r9", "r3"));
}

/* Pairs of rows of at most 16 elements, as first layers have them. Here r9 is eight below the
 * channels that are left, r11 is the zero point, and r7 is 0 if halves of negative values do not
 * count. */
__attribute__((naked, noinline, aligned(4)))
static void short_row_pairs(const frame_t *frame __attribute__((unused))) {
    __asm__ volatile(
        ENTER
        "stm sp, {r1-r12}\n\t"
        "sub r7, r1, #1\n\t"
        "mov r11, r5\n\t"
        "ldrd r2, r3, [sp, #24]\n"
        "0:\n\t"
        "ldrd r0, r9, [sp, #32]\n\t"
        "vldrb.8 q6, [r2]\n\t"
        "add r2, r2, r0\n\t"
        "vldrb.8 q7, [r2]\n\t"
        "add r2, r2, r0\n\t"
        "add r5, r3, r9\n\t"
        "add r4, r5, r9\n\t"
        "strd r2, r4, [sp, #24]\n\t"
        "ldr r1, [sp, #40]\n\t"
        "vctp.16 r9\n\t"
        "subs r9, #8\n\t"
        "bge 1f\n\t"
        "adds r0, r9, #4\n\t"
        "ble.w 7f\n"
        "1:\n\t"
        ONLY_CHUNK
        SCALE("q4", "q5", "cbz r7,")
        ONLY_CHUNK
        SCALE("q0", "q1", "cbz r7,")
        STORE_EIGHT("q0", "q1", "r11")
        "subs r9, #8\n\t"
        "bge.w 1b\n\t"
        "adds r0, r9, #8\n\t"
        "ble 8f\n\t"
        "vctp.16 r0\n\t"
        "cmp r0, #4\n\t"
        "bgt.w 1b\n"
        "7:\n\t"
        ONLY_CHUNK
        SCALE("q4", "q5", "cbz r7,")
        "add r0, r9, #8\n\t"
        STORE_FOUR("r11", "r0")
        "8:\n\t"
        LEAVE_AFTER_PAIRS("r2", "r3"));
}

/* clang-format on */

/* What two rows are not limited to by saturation. */
static void limit(int8_t *y, uint32_t count, int32_t low, int32_t high) {
    const int8x16_t lowest = vdupq_n_s8((int8_t)low);
    const int8x16_t highest = vdupq_n_s8((int8_t)high);
    for (int32_t left = (int32_t)count; left > 0; left -= LANES, y += LANES) {
        const mve_pred16_t lanes = vctp8q((uint32_t)left);
        vstrbq_p_s8(y, vminq_s8(vmaxq_s8(vldrbq_z_s8(y, lanes), lowest), highest), lanes);
    }
}

static void run(void (*assembly)(const frame_t *), const md_helium_matmul_t *p, uint32_t count,
                const int8_t *x, int8_t *y, uint32_t turns, uint32_t skip) {
    const frame_t frame = {
        .turns = 2 * turns - (p->activation_min >= p->output_zero_point),
        .skip = {skip, skip},
        .x = x,
        .y = y,
        .depth = p->depth,
        .channels = p->channels,
        .blocks = p->blocks,
        .x_end = x + 2 * count * p->depth,
        .zero_point = p->output_zero_point,
    };
    assembly(&frame);
    if (p->activation_min > INT8_MIN || p->activation_max < INT8_MAX) {
        limit(y, 2 * count * p->channels, p->activation_min, p->activation_max);
    }
}

void md_helium_pairs_s8(const md_helium_matmul_t *p, uint32_t count, const int8_t *x, int8_t *y) {
    const uint32_t further = (p->depth - 1) / LANES;
    const uint32_t turns = (further + TURN_CHUNKS - 1) / TURN_CHUNKS;
    const uint32_t skip = (turns * TURN_CHUNKS - further) * CHUNK_BYTES + 1; /* 1: Thumb code */
    run(row_pairs, p, count, x, y, turns, skip);
}

void md_helium_short_pairs_s8(const md_helium_matmul_t *p, uint32_t count, const int8_t *x,
                              int8_t *y) {
    run(short_row_pairs, p, count, x, y, 1, 0);
}

/* Four channels of one row, read `step` bytes on a chunk; gives the outputs, and moves `constants`
 * to the next block. Of intrinsics GCC 12 makes twice as many instructions. */
static int32x4_t one_block(const md_helium_matmul_t *p, const int8_t **constants, const int8_t *x,
                           int32_t step) {
    const int8_t *w = *constants;
    const uint32_t count = (p->depth + LANES - 1) / LANES;
    register int32_t sum0 __asm__("r0");
    register int32_t sum1 __asm__("r2");
    register int32_t sum2 __asm__("r4");
    register int32_t sum3 __asm__("r6");
    __asm__("movs %[sum0], #0\n\t"
            "movs %[sum1], #0\n\t"
            "movs %[sum2], #0\n\t"
            "movs %[sum3], #0\n\t"
            "dls lr, %[count]\n"
            "1:\n\t"
            "vldrb.8 q0, [%[x]]\n\t"
            "add %[x], %[step]\n\t"
            "vldrb.8 q1, [%[w]], #16\n\t"
            "vmladava.s8 %[sum0], q0, q1\n\t"
            "vldrb.8 q2, [%[w]], #16\n\t"
            "vmladava.s8 %[sum1], q0, q2\n\t"
            "vldrb.8 q1, [%[w]], #16\n\t"
            "vmladava.s8 %[sum2], q0, q1\n\t"
            "vldrb.8 q2, [%[w]], #16\n\t"
            "vmladava.s8 %[sum3], q0, q2\n\t"
            "le lr, 1b\n\t"
            : [x] "+r"(x), [w] "+r"(w), [sum0] "=&r"(sum0), [sum1] "=&r"(sum1), [sum2] "=&r"(sum2),
              [sum3] "=&r"(sum3)
            : [count] "r"(count), [step] "r"(step)
            : "cc", "lr", "q0", "q1", "q2", "memory");
    *constants = w + 36;
    const int32_t *const after = (const int32_t *)(const void *)w;
    const int32x4_t sums = {sum0, sum1, sum2, sum3};
    int32x4_t acc = vaddq_s32(sums, vldrwq_s32(after));
    acc = md_helium_scale(acc, vldrwq_s32(after + 4), vldrbq_s32(w + 32));
    const int32x4_t low = vdupq_n_s32(p->activation_min);
    const int32x4_t high = vdupq_n_s32(p->activation_max);
    return vminq_s32(vmaxq_s32(vaddq_n_s32(acc, p->output_zero_point), low), high);
}

/* One row with any shifts. */
static void one_row(const md_helium_matmul_t *p, const int8_t *x, int8_t *y) {
    const int8_t *constants = p->blocks;
    const int8_t *const last = x + (p->depth - 1) / LANES * LANES;
    for (int32_t left = (int32_t)p->channels; left > 0; left -= 2 * BLOCK_CHANNELS) {
        const int32x4_t even = one_block(p, &constants, x, LANES);
        if (left <= BLOCK_CHANNELS) {
            vstrbq_p_s32(y, even, vctp32q((uint32_t)left));
            return;
        }
        const int32x4_t odd = one_block(p, &constants, last, -LANES);
        const int16x8_t both = vmovntq_s32(vreinterpretq_s16_s32(even), odd);
        vstrbq_p_s16(y, both, vctp16q((uint32_t)left));
        y += 2 * BLOCK_CHANNELS;
    }
}

#else

#include "md_requantize.h"

#include <string.h>

#define BLOCK_BYTES(chunks) (BLOCK_CHANNELS * LANES * (chunks) + 36)

static void one_row(const md_helium_matmul_t *p, const int8_t *x, int8_t *y) {
    const uint32_t chunks = (p->depth + LANES - 1) / LANES;
    for (uint32_t c = 0; c < p->channels; c++) {
        const uint32_t pair = c / 8 * 8;
        const uint32_t alone = p->channels - pair <= BLOCK_CHANNELS;
        const uint32_t backward = alone ? 0 : c % 2;
        const uint32_t lane = alone ? c % 8 : c % 8 / 2;
        const int8_t *const block = p->blocks + (c / 8 * 2 + backward) * BLOCK_BYTES(chunks);
        const int8_t *const after = block + BLOCK_CHANNELS * LANES * chunks;
        int32_t sum;
        int32_t multiplier;
        memcpy(&sum, after + 4 * lane, sizeof sum);
        memcpy(&multiplier, after + 16 + 4 * lane, sizeof multiplier);
        for (uint32_t k = 0; k < p->depth; k++) {
            const uint32_t chunk = backward ? chunks - 1 - k / LANES : k / LANES;
            sum += x[k] * block[(BLOCK_CHANNELS * chunk + lane) * LANES + k % LANES];
        }
        y[c] = md_requantize_s8(sum, multiplier, after[32 + lane], p->output_zero_point,
                                p->activation_min, p->activation_max);
    }
}

void md_helium_pairs_s8(const md_helium_matmul_t *p, uint32_t count, const int8_t *x, int8_t *y) {
    for (uint32_t row = 0; row < 2 * count; row++) {
        one_row(p, x + row * p->depth, y + row * p->channels);
    }
}

void md_helium_short_pairs_s8(const md_helium_matmul_t *p, uint32_t count, const int8_t *x,
                              int8_t *y) {
    md_helium_pairs_s8(p, count, x, y);
}

#endif

static void each_row(const md_helium_matmul_t *p, uint32_t first, uint32_t end, const int8_t *x,
                     int8_t *y) {
    for (uint32_t row = first; row < end; row++) {
        one_row(p, x + row * p->depth, y + row * p->channels);
    }
}

void md_helium_matmul_s8(const md_helium_matmul_t *p, uint32_t rows, const int8_t *x, int8_t *y) {
    if (p->pairs == NULL || rows < 2) {
        each_row(p, 0, rows, x, y);
        return;
    }
    p->pairs(p, rows / 2, x, y);
    if (rows % 2 != 0) {
        each_row(p, rows - 1, rows, x, y);
    }
}
