/* md_window.h: a window that slides over the height and width of an NHWC tensor, as TFLite defines
 * it.
 *
 * Output (y, x) sees the input positions (y * stride_height - pad_height + i * dilation_height,
 * x * stride_width - pad_width + j * dilation_width) for i < filter_height, j < filter_width; those
 * outside of the input are padding. All sizes are at least 1. */
#ifndef MD_WINDOW_H
#define MD_WINDOW_H

#include <stdint.h>

typedef struct {
    int32_t input_height;
    int32_t input_width;
    int32_t output_height;
    int32_t output_width;
    int32_t filter_height;
    int32_t filter_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t dilation_height;
    int32_t dilation_width;
    int32_t pad_height;
    int32_t pad_width;
} md_window_t;

#endif
