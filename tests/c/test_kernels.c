/* The kernels at the edges of what their headers allow, with results that can be worked out by
 * hand. Buffers have exactly the sizes that the headers state, so that AddressSanitizer sees any
 * step outside. */
#include "check.h"
#include "md_conv2d_s8.h"
#include "md_depthwise_conv2d_s8.h"
#include "md_fully_connected_s8.h"
#include "md_lookup_s8.h"
#include "md_pool_s8.h"
#include "md_softmax_s8.h"

/* Multiplier 1/2 * 2^shift. */
static const int32_t half[4] = {1 << 30, 1 << 30, 1 << 30, 1 << 30};
static const int8_t one[4] = {1, 1, 1, 1};

/* One input, one channel, one row: everything is a tail. */
static void test_smallest_matrix(void) {
    static const int8_t weights[2] = {-127, 0};
    static const int32_t bias[2] = {7, 0};
    const md_fully_connected_s8_t p = {
        .matmul = {.weights = weights,
                   .bias = bias,
                   .multiplier = half,
                   .shift = one,
                   .depth = 1,
                   .channels = 1,
                   .activation_min = -128,
                   .activation_max = 127},
        .rows = 1,
    };
    const int8_t x = 1;
    int8_t y = 0;
    md_fully_connected_s8(&p, &x, &y);
    CHECK_EQUAL(y, 7 - 127);
}

/* Three rows of five by three channels: blocks and tails in every direction. */
static void test_odd_matrix(void) {
    static const int8_t weights[4 * 5] = {1,  0, 1, 0, 1, 0, 1, 0, 1, 2,
                                          -1, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const int32_t bias[4] = {0, 1, 100, 0};
    const md_fully_connected_s8_t p = {
        .matmul = {.weights = weights,
                   .bias = bias,
                   .multiplier = half,
                   .shift = one,
                   .depth = 5,
                   .channels = 3,
                   .output_zero_point = 1,
                   .activation_min = -20,
                   .activation_max = 90},
        .rows = 3,
    };
    static const int8_t x[3 * 5] = {1, 2, 3, 4, 5, -1, -2, -3, -4, -50, 20, 20, 20, 20, 20};
    int8_t y[3 * 3];
    md_fully_connected_s8(&p, x, y);
    static const int8_t wanted[3 * 3] = {16, 12, 90, -20, -20, 90, 90, 42, 81};
    for (int i = 0; i < 9; i++) {
        CHECK_EQUAL(y[i], wanted[i]);
    }
}

static const md_window_t three_by_three = {
    .input_height = 1,
    .input_width = 1,
    .output_height = 1,
    .output_width = 1,
    .filter_height = 3,
    .filter_width = 3,
    .stride_height = 1,
    .stride_width = 1,
    .dilation_height = 1,
    .dilation_width = 1,
    .pad_height = 1,
    .pad_width = 1,
};

/* A window of which all but the centre is padding: with the zero point in the bias, only it counts.
 */
static void test_convolution_of_one_pixel(void) {
    static const int8_t weights[9 * 2] = {9, 0, 9, 0, 9, 0, 9, 0, 2, 0, 9, 0, 9, 0, 9, 0, 9, 0};
    static const int32_t bias[2] = {-10 * (8 * 9 + 2), 0};
    const md_conv2d_s8_t p = {
        .matmul = {.weights = weights,
                   .bias = bias,
                   .multiplier = half,
                   .shift = one,
                   .depth = 9,
                   .channels = 1,
                   .activation_min = -128,
                   .activation_max = 127},
        .window = three_by_three,
        .batches = 1,
        .groups = 1,
        .group_channels = 1,
        .run = 3,
        .input_zero_point = 10,
    };
    const int8_t x = 13;
    int8_t y = 0;
    int8_t scratch[MD_CONV2D_ROWS * 9];
    md_conv2d_s8(&p, &x, &y, scratch);
    CHECK_EQUAL(y, 2 * (13 - 10));
}

static void test_depthwise_of_one_pixel(void) {
    static const int8_t weights[9 * 4] = {9, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 2, 0,
                                          0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0};
    static const int32_t bias[1] = {-10 * (8 * 9 + 2)};
    const md_depthwise_conv2d_s8_t p = {
        .weights = weights,
        .bias = bias,
        .multiplier = half,
        .shift = one,
        .window = three_by_three,
        .batches = 1,
        .channels = 1,
        .padding_bytes = 1,
        .input_zero_point = 10,
        .activation_min = -128,
        .activation_max = 127,
    };
    const int8_t x = 13;
    int8_t y = 0;
    _Alignas(8) int8_t scratch[MD_DEPTHWISE_CONV2D_TAP_BYTES * 9 + 1];
    md_depthwise_conv2d_s8(&p, &x, &y, scratch);
    CHECK_EQUAL(y, 2 * (13 - 10));
}

/* Halves away from zero, and windows that reach outside count only what is inside. */
static void test_pooling(void) {
    const md_pool_s8_t p = {
        .window = {.input_height = 1,
                   .input_width = 4,
                   .output_height = 1,
                   .output_width = 4,
                   .filter_height = 1,
                   .filter_width = 2,
                   .stride_height = 1,
                   .stride_width = 1,
                   .dilation_height = 1,
                   .dilation_width = 1},
        .batches = 1,
        .channels = 1,
        .activation_min = -128,
        .activation_max = 100,
    };
    static const int8_t x[4] = {-128, -127, 2, 127};
    int8_t average[4];
    int8_t largest[4];
    md_average_pool_s8(&p, x, average);
    md_max_pool_s8(&p, x, largest);
    static const int8_t wanted_average[4] = {-128, -63, 65, 100};
    static const int8_t wanted_largest[4] = {-127, 2, 100, 100};
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(average[i], wanted_average[i]);
        CHECK_EQUAL(largest[i], wanted_largest[i]);
    }
}

static void test_lookup(void) {
    int8_t table[256];
    int8_t x[256];
    int8_t y[256];
    for (int i = 0; i < 256; i++) {
        table[i] = (int8_t)(127 - i);
        x[i] = (int8_t)(i - 128);
    }
    const md_lookup_s8_t p = {.table = table, .count = 256};
    md_lookup_s8(&p, x, y);
    for (int i = 0; i < 256; i++) {
        CHECK_EQUAL(y[i], 127 - i);
    }
}

/* One element has all the probability, and saturates; many equal ones share it; a table of one
 * entry leaves only the largest. */
static void test_softmax(void) {
    static const int32_t table[1] = {INT32_MAX};
    static const int8_t x[4] = {-128, -128, 127, -128};
    int8_t y[4];
    md_softmax_s8(&(md_softmax_s8_t){.exponentials = table, .entries = 1, .rows = 4, .depth = 1}, x,
                  y);
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(y[i], 127);
    }
    md_softmax_s8(&(md_softmax_s8_t){.exponentials = table, .entries = 1, .rows = 1, .depth = 4}, x,
                  y);
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(y[i], i == 2 ? 127 : -128);
    }
    static int8_t many[4095];
    static int8_t shares[4095];
    md_softmax_s8(&(md_softmax_s8_t){.exponentials = table, .entries = 1, .rows = 1, .depth = 4095},
                  many, shares);
    CHECK_EQUAL(shares[0], -128);
    CHECK_EQUAL(shares[4094], -128);
}

int main(void) {
    test_smallest_matrix();
    test_odd_matrix();
    test_convolution_of_one_pixel();
    test_depthwise_of_one_pixel();
    test_pooling();
    test_lookup();
    test_softmax();
    return failures != 0;
}
