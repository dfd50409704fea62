/* Implementation of md_helium_matmul_s8.h: two rows by four channels at a time, so that six loads
 * serve eight multiplications of 16 lanes. */
#include "md_helium_matmul_s8.h"

#define BLOCK_CHANNELS 4
#define LANES 16

#if defined(__ARM_FEATURE_MVE)

#include "md_helium.h"

/* 16 elements of two rows by four channels. VMLADAVA adds to even-numbered registers only:
 * r0 to r6 are the first row's sums, r8 to lr the second's, which leaves none for a low-overhead
 * loop. From intrinsics GCC 12 makes 23 instructions of these 14, most of the others moves. */
#define MULTIPLY                                                                                   \
    "vldrb.8 %q[s0], [%[x0]], #16\n\t"                                                             \
    "vldrb.8 q2, [%[w]], #16\n\t"                                                                  \
    "vmladava.s8 r0, %q[s0], q2\n\t"                                                               \
    "vldrb.8 %q[s1], [%[x1]], #16\n\t"                                                             \
    "vmladava.s8 r8, %q[s1], q2\n\t"                                                               \
    "vldrb.8 q3, [%[w]], #16\n\t"                                                                  \
    "vmladava.s8 r2, %q[s0], q3\n\t"                                                               \
    "vmladava.s8 r10, %q[s1], q3\n\t"                                                              \
    "vldrb.8 q2, [%[w]], #16\n\t"                                                                  \
    "vmladava.s8 r4, %q[s0], q2\n\t"                                                               \
    "vmladava.s8 r12, %q[s1], q2\n\t"                                                              \
    "vldrb.8 q3, [%[w]], #16\n\t"                                                                  \
    "vmladava.s8 r6, %q[s0], q3\n\t"                                                               \
    "vmladava.s8 lr, %q[s1], q3\n\t"

/* The last elements of a row: lanes beyond them are 0 in x, and what the loads of the weights find
 * there (the next channel's, or the multipliers) counts nothing. */
#define MULTIPLY_TAIL                                                                              \
    "vctp.8 %[tail]\n\t"                                                                           \
    "vpstt\n\t"                                                                                    \
    "vldrbt.8 %q[s0], [%[x0]]\n\t"                                                                 \
    "vldrbt.8 %q[s1], [%[x1]]\n\t"                                                                 \
    "vldrb.8 q2, [%[w]]\n\t"                                                                       \
    "add %[w], %[tail]\n\t"                                                                        \
    "vmladava.s8 r0, %q[s0], q2\n\t"                                                               \
    "vmladava.s8 r8, %q[s1], q2\n\t"                                                               \
    "vldrb.8 q3, [%[w]]\n\t"                                                                       \
    "add %[w], %[tail]\n\t"                                                                        \
    "vmladava.s8 r2, %q[s0], q3\n\t"                                                               \
    "vmladava.s8 r10, %q[s1], q3\n\t"                                                              \
    "vldrb.8 q2, [%[w]]\n\t"                                                                       \
    "add %[w], %[tail]\n\t"                                                                        \
    "vmladava.s8 r4, %q[s0], q2\n\t"                                                               \
    "vmladava.s8 r12, %q[s1], q2\n\t"                                                              \
    "vldrb.8 q3, [%[w]]\n\t"                                                                       \
    "add %[w], %[tail]\n\t"                                                                        \
    "vmladava.s8 r6, %q[s0], q3\n\t"                                                               \
    "vmladava.s8 lr, %q[s1], q3\n\t"

/* The sums of a block in two rows; gives where its multipliers are. */
static inline const int8_t *sum_block(const int8_t *constants, uint32_t chunk_count,
                                      uint32_t tail_count, const int8_t *row0, const int8_t *row1,
                                      int32x4_t *sums0, int32x4_t *sums1) {
    register const int8_t *w __asm__("r1") = constants;
    register const int8_t *x0 __asm__("r3") = row0;
    register const int8_t *x1 __asm__("r5") = row1;
    register uint32_t chunks __asm__("r9") = chunk_count;
    register uint32_t tail __asm__("r11") = tail_count;
    int32x4_t s0;
    int32x4_t s1;
    __asm__("ldrd r0, r2, [%[w]], #8\n\t"
            "ldrd r4, r6, [%[w]], #8\n\t"
            "mov r8, r0\n\t"
            "mov r10, r2\n\t"
            "mov r12, r4\n\t"
            "mov lr, r6\n\t"
            /* Two chunks a turn; an odd number of them begins in the middle. */
            "adds %[chunks], #1\n\t"
            "lsrs %[chunks], %[chunks], #1\n\t"
            "beq 3f\n\t"
            "bcc 2f\n"
            "1:\n\t" MULTIPLY "2:\n\t" MULTIPLY "subs %[chunks], #1\n\t"
            "bne 1b\n"
            "3:\n\t"
            "cmp %[tail], #0\n\t"
            "beq 4f\n\t" MULTIPLY_TAIL "4:\n\t"
            "vmov %q[s0][2], %q[s0][0], r0, r4\n\t"
            "vmov %q[s0][3], %q[s0][1], r2, r6\n\t"
            "vmov %q[s1][2], %q[s1][0], r8, r12\n\t"
            "vmov %q[s1][3], %q[s1][1], r10, lr\n\t"
            : [w] "+r"(w), [x0] "+r"(x0), [x1] "+r"(x1), [chunks] "+r"(chunks), [s0] "=&w"(s0),
              [s1] "=&w"(s1)
            : [tail] "r"(tail)
            : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "q2", "q3", "cc", "memory");
    *sums0 = s0;
    *sums1 = s1;
    return w;
}

/* Stores the first `count` values, or all four if it is more. The predicate never leaves its
 * register, out of which GCC 12 moves that of the intrinsics and back. */
static inline void store(int8_t *y0, int8_t *y1, int32x4_t s0, int32x4_t s1, uint32_t count) {
    __asm__ volatile("vctp.32 %[count]\n\t"
                     "vpstt\n\t"
                     "vstrbt.32 %q[s0], [%[y0]]\n\t"
                     "vstrbt.32 %q[s1], [%[y1]]\n\t"
                     :
                     : [count] "r"(count), [y0] "r"(y0), [y1] "r"(y1), [s0] "w"(s0), [s1] "w"(s1)
                     : "memory");
}

/* Rows of one chunk, as first layers have them: both stay in registers. */
static void two_chunks(const md_helium_matmul_t *p, const int8_t *row0, const int8_t *row1,
                       int8_t *output0, int8_t *output1) {
    register const int8_t *constants __asm__("r1") = p->blocks;
    register int8_t *y0 __asm__("r3") = output0;
    register int8_t *y1 __asm__("r5") = output1;
    register int32_t left __asm__("r9") = (int32_t)p->channels;
    register int32_t zero_point __asm__("r11") = p->output_zero_point;
    register const int32_t *limits __asm__("r0") = &p->activation_min;
    register const int8_t *x0 __asm__("r2") = row0;
    register const int8_t *x1 __asm__("r4") = row1;
    __asm__ volatile("vldrb.8 q4, [r2]\n\t"
                     "vldrb.8 q5, [r4]\n\t"
                     "ldrd r0, r2, [r0]\n\t"
                     "vdup.32 q6, r0\n\t"
                     "vdup.32 q7, r2\n"
                     "1:\n\t"
                     "vldrb.8 q0, [r1, #16]\n\t"
                     "vmladav.s8 r0, q4, q0\n\t"
                     "vmladav.s8 r8, q5, q0\n\t"
                     "vldrb.8 q1, [r1, #32]\n\t"
                     "vmladav.s8 r2, q4, q1\n\t"
                     "vmladav.s8 r10, q5, q1\n\t"
                     "vldrb.8 q2, [r1, #48]\n\t"
                     "vmladav.s8 r4, q4, q2\n\t"
                     "vmladav.s8 r12, q5, q2\n\t"
                     "vldrb.8 q3, [r1, #64]\n\t"
                     "vmladav.s8 r6, q4, q3\n\t"
                     "vmladav.s8 lr, q5, q3\n\t"
                     "vldrw.32 q2, [r1]\n\t"
                     "vmov q0[2], q0[0], r0, r4\n\t"
                     "vmov q0[3], q0[1], r2, r6\n\t"
                     "vmov q1[2], q1[0], r8, r12\n\t"
                     "vmov q1[3], q1[1], r10, lr\n\t"
                     "vadd.i32 q0, q0, q2\n\t"
                     "vadd.i32 q1, q1, q2\n\t"
                     "vldrw.32 q2, [r1, #80]\n\t"
                     "vqrdmulh.s32 q0, q0, q2\n\t"
                     "vqrdmulh.s32 q1, q1, q2\n\t"
                     "vldrb.s32 q3, [r1, #96]\n\t"
                     "vshr.s32 q2, q0, #31\n\t"
                     "vadd.i32 q0, q0, q2\n\t"
                     "vshr.s32 q2, q1, #31\n\t"
                     "vadd.i32 q1, q1, q2\n\t"
                     "vrshl.s32 q0, q0, q3\n\t"
                     "vrshl.s32 q1, q1, q3\n\t"
                     "vadd.i32 q0, q0, r11\n\t"
                     "vadd.i32 q1, q1, r11\n\t"
                     "vmax.s32 q0, q0, q6\n\t"
                     "vmax.s32 q1, q1, q6\n\t"
                     "vmin.s32 q0, q0, q7\n\t"
                     "vmin.s32 q1, q1, q7\n\t"
                     "vctp.32 r9\n\t"
                     "vpstt\n\t"
                     "vstrbt.32 q0, [r3], #4\n\t"
                     "vstrbt.32 q1, [r5], #4\n\t"
                     "adds r1, #100\n\t"
                     "subs r9, #4\n\t"
                     "bgt 1b\n\t"
                     : "+r"(constants), "+r"(y0), "+r"(y1), "+r"(left), "+r"(limits), "+r"(x0),
                       "+r"(x1)
                     : "r"(zero_point)
                     : "r6", "r8", "r10", "r12", "lr", "q0", "q1", "q2", "q3", "q4", "q5", "q6",
                       "q7", "cc", "memory");
}

static void two_rows(const md_helium_matmul_t *p, const int8_t *x0, const int8_t *x1, int8_t *y0,
                     int8_t *y1) {
    if (p->depth == LANES && !p->left) {
        two_chunks(p, x0, x1, y0, y1);
        return;
    }
    const int8_t *constants = p->blocks;
    const uint32_t chunks = p->depth / LANES;
    const uint32_t tail = p->depth % LANES;
    const int32x4_t low = vdupq_n_s32(p->activation_min);
    const int32x4_t high = vdupq_n_s32(p->activation_max);
    for (int32_t left = (int32_t)p->channels; left > 0; left -= BLOCK_CHANNELS) {
        int32x4_t s0;
        int32x4_t s1;
        constants = sum_block(constants, chunks, tail, x0, x1, &s0, &s1);
        const int32x4_t multiplier = vldrwq_s32((const int32_t *)(const void *)constants);
        const int32x4_t shift = vldrbq_s32(constants + 16);
        constants += 20;
        if (p->left) {
            s0 = md_helium_scale(s0, multiplier, shift);
            s1 = md_helium_scale(s1, multiplier, shift);
        } else {
            s0 = md_helium_scale_right(s0, multiplier, shift);
            s1 = md_helium_scale_right(s1, multiplier, shift);
        }
        s0 = vminq_s32(vmaxq_s32(vaddq_n_s32(s0, p->output_zero_point), low), high);
        s1 = vminq_s32(vmaxq_s32(vaddq_n_s32(s1, p->output_zero_point), low), high);
        store(y0, y1, s0, s1, (uint32_t)left);
        y0 += BLOCK_CHANNELS;
        y1 += BLOCK_CHANNELS;
    }
}

#else

#include "md_requantize.h"

#include <string.h>

/* Weight `k` of channel `c` of a block. */
static int8_t weight(const int8_t *weights, uint32_t depth, uint32_t c, uint32_t k) {
    const uint32_t chunk = k / LANES * LANES;
    const uint32_t width = depth - chunk < LANES ? depth - chunk : LANES;
    return weights[BLOCK_CHANNELS * chunk + c * width + k % LANES];
}

static void two_rows(const md_helium_matmul_t *p, const int8_t *x0, const int8_t *x1, int8_t *y0,
                     int8_t *y1) {
    const uint32_t depth = p->depth;
    const int8_t *block = p->blocks;
    for (uint32_t c = 0; c < p->channels; c++) {
        const uint32_t lane = c % BLOCK_CHANNELS;
        const int8_t *const weights = block + 16;
        const int8_t *const after = weights + BLOCK_CHANNELS * depth;
        int32_t s0;
        int32_t multiplier;
        memcpy(&s0, block + 4 * lane, sizeof s0);
        memcpy(&multiplier, after + 4 * lane, sizeof multiplier);
        int32_t s1 = s0;
        for (uint32_t k = 0; k < depth; k++) {
            s0 += x0[k] * weight(weights, depth, lane, k);
            s1 += x1[k] * weight(weights, depth, lane, k);
        }
        y0[c] = md_requantize_s8(s0, multiplier, after[16 + lane], p->output_zero_point,
                                 p->activation_min, p->activation_max);
        y1[c] = md_requantize_s8(s1, multiplier, after[16 + lane], p->output_zero_point,
                                 p->activation_min, p->activation_max);
        block = lane == BLOCK_CHANNELS - 1 ? after + 20 : block;
    }
}

#endif

void md_helium_matmul_s8(const md_helium_matmul_t *p, uint32_t rows, const int8_t *x, int8_t *y) {
    for (; rows >= 2; rows -= 2) {
        two_rows(p, x, x + p->depth, y, y + p->channels);
        x += 2 * p->depth;
        y += 2 * p->channels;
    }
    if (rows > 0) {
        two_rows(p, x, x, y, y);
    }
}
