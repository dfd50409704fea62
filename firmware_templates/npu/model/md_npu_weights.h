/* md_npu_weights.h: the Ethos-U's compressed weight streams: what the weights are, and which output
 * channel, kernel element and input channel each belongs to.
 *
 * A stream is read in one direction; a reader may be copied (it points only to the stream) to read
 * a part once more. Nothing is allocated. A stream is untrusted: each read is checked, what breaks
 * the format ends in an error that stays, and time is bounded by the stream's bytes.
 *
 * With two cores (U65-512) there are two streams: core 0 has the even output channels, core 1 the
 * odd ones, counted from the operation's first. Each is read by a reader of its own, with the
 * core's share of the channels and of the block depth as md_npu_weights_share gives them. */
#ifndef MD_NPU_WEIGHTS_H
#define MD_NPU_WEIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#define MD_NPU_WEIGHTS_UBLOCK 8u        /* the most channels of an OFM or IFM ublock */
#define MD_NPU_WEIGHTS_PALETTE 32u      /* the most entries of a palette */
#define MD_NPU_WEIGHTS_CHUNK 12u        /* the most symbols of a chunk */
#define MD_NPU_WEIGHTS_QUEUE 64u        /* decoded and not yet given out; a power of two */
#define MD_NPU_WEIGHTS_MAX_KERNEL 4096u /* elements: height times width, without dilation */
#define MD_NPU_WEIGHTS_MAX_DEPTH 65536u

typedef enum {
    MD_NPU_WEIGHTS_OK = 0,
    MD_NPU_WEIGHTS_BAD_LAYOUT, /* a layout that no NPU has, or sizes out of range */
    MD_NPU_WEIGHTS_TRUNCATED,  /* the stream ends before the weights do */
    MD_NPU_WEIGHTS_BAD_HEADER, /* a slice header with a reserved or contradictory value */
    MD_NPU_WEIGHTS_BAD_VALUE,  /* a weight index beyond 9 bits, or an absurd run of zeros */
    MD_NPU_WEIGHTS_TOO_SMALL,  /* the caller's array */
} md_npu_weights_error_t;

typedef enum {
    MD_NPU_DEPTH_FIRST = 0,   /* as bit 2 of NPU_SET_KERNEL_STRIDE */
    MD_NPU_PART_KERNEL_FIRST, /* likewise */
    MD_NPU_DEPTHWISE,         /* of NPU_OP_DEPTHWISE: one input channel an output channel */
} md_npu_traversal_t;

/* How an operation walks through its weights. Channels are those of one core. */
typedef struct {
    md_npu_traversal_t traversal;
    uint32_t ofm_depth;       /* 1 to MD_NPU_WEIGHTS_MAX_DEPTH */
    uint32_t ofm_block_depth; /* 1 to MD_NPU_WEIGHTS_MAX_DEPTH; may be above ofm_depth */
    uint32_t ifm_depth;       /* 1 to MD_NPU_WEIGHTS_MAX_DEPTH; not used for depthwise */
    uint32_t kernel_height;   /* without dilation; times width at most MD_NPU_WEIGHTS_MAX_KERNEL */
    uint32_t kernel_width;
    uint32_t dilation_y; /* 1 or 2: sub-kernels are 8 / dilation elements high and wide */
    uint32_t dilation_x;
    uint32_t ifm_bits;         /* 8 or 16 */
    uint32_t ofm_ublock_depth; /* 4 for U55-32, 8 for all others */
} md_npu_weights_layout_t;

/* Bits to weights. The members are the decoder's own. */
typedef struct {
    const uint8_t *data;
    uint32_t bytes;
    uint32_t next;      /* byte that comes into `window` next */
    uint32_t available; /* bits in `window` */
    uint64_t window;
    md_npu_weights_error_t error;
    bool started; /* a palette has been set since the last end marker */

    /* The slice, from its header. */
    bool zero_runs;
    bool uncompressed;
    bool truncated;       /* quotients of at most 2, without a terminating zero */
    uint8_t weight_shift; /* bits of a remainder */
    uint8_t zero_shift;
    uint8_t palette_size;
    uint8_t palette_bits;
    uint8_t direct_offset;
    int16_t palette[MD_NPU_WEIGHTS_PALETTE];
    uint32_t weight_count; /* weights and runs of zeros in the slice */
    uint32_t zero_count;

    /* Where in the slice: quotients read, values completed by their remainders. */
    uint32_t weight_quotients;
    uint32_t zero_quotients;
    uint32_t weights_complete;
    uint32_t zeros_complete;
    uint32_t weight_carry; /* of a quotient that goes on in the next chunk */
    uint32_t zero_carry;
    uint8_t weights_waiting; /* quotients of the last chunk, whose remainders come with this one */
    uint8_t zeros_waiting;
    uint32_t weight_wait[MD_NPU_WEIGHTS_CHUNK];
    uint32_t zero_wait[MD_NPU_WEIGHTS_CHUNK];

    /* Completed and not yet given out. */
    uint32_t weights_given;
    uint32_t zeros_given;
    uint32_t run;  /* zeros to give before the next weight */
    bool run_next; /* a run of zeros comes next, not a weight */
    int16_t weights[MD_NPU_WEIGHTS_QUEUE];
    uint32_t zeros[MD_NPU_WEIGHTS_QUEUE];
} md_npu_weight_stream_t;

void md_npu_weight_stream_init(md_npu_weight_stream_t *stream, const void *data, uint32_t bytes);

/* Gives the next `count` weights (-255 to 255) in the stream's order. Fewer are returned at the end
 * of the stream, or after an error. */
uint32_t md_npu_weight_stream_read(md_npu_weight_stream_t *stream, int16_t *out, uint32_t count);

/* A stream with its layout. */
typedef struct {
    md_npu_weight_stream_t stream;
    md_npu_weights_layout_t layout;
    md_npu_weights_error_t error;
    bool done;
    uint32_t ifm_block_depth; /* input channels that are walked through for a whole kernel */
    uint32_t sub_height;      /* the most of a sub-kernel */
    uint32_t sub_width;
    /* Where the next brick lies; from the outermost loop to the innermost. */
    uint32_t ofm_block;
    uint32_t ifm_block;
    uint32_t sub_y;
    uint32_t sub_x;
    uint32_t ifm_outer; /* within the IFM block, part-kernel-first only */
    uint32_t ofm_inner; /* within the OFM block */
    uint32_t element;   /* within the sub-kernel, row by row */
    uint32_t ifm_inner; /* within the IFM block */
} md_npu_weights_t;

/* Weights of one kernel element, for one ublock of output channels and one of input channels: what
 * the hardware takes at a time. Padding is cut off: the counts may be below the ublock's depth,
 * and are zero for a brick that holds only padding. */
typedef struct {
    uint32_t ofm; /* first output channel, of the core's */
    uint32_t ofm_count;
    uint32_t ky; /* in the whole kernel, not the sub-kernel; without dilation */
    uint32_t kx;
    uint32_t ifm; /* first input channel; 0 for depthwise */
    uint32_t ifm_count;
    bool block_end;     /* the last brick of its OFM block */
    uint32_t ofm_pitch; /* weight of (ofm + o, ifm + i): weights[o * ofm_pitch + i] */
    int16_t weights[MD_NPU_WEIGHTS_UBLOCK * MD_NPU_WEIGHTS_UBLOCK];
} md_npu_weights_brick_t;

/* Distances in an unpacked array, in elements. [ofm][ky][kx][ifm], dense, has
 * {kernel_height * kernel_width * ifm_depth, kernel_width * ifm_depth, ifm_depth, 1}. */
typedef struct {
    uint32_t ofm;
    uint32_t ky;
    uint32_t kx;
    uint32_t ifm;
} md_npu_weights_strides_t;

/* The share of one core in channels or in a block depth; 0 means that the core has nothing to do
 * and no stream. */
uint32_t md_npu_weights_share(uint32_t depth, uint32_t cores, uint32_t core);

/* Starts at the stream's beginning. False: the layout is bad (see `error`). */
bool md_npu_weights_init(md_npu_weights_t *reader, const md_npu_weights_layout_t *layout,
                         const void *stream, uint32_t bytes);

/* Weights that a stream holds for the reader's layout, padding included: what it takes to read all of
 * them once. Below 2^52. */
uint64_t md_npu_weights_count(const md_npu_weights_t *reader);

/* The OFM block that comes next: its first channel, and how many it has. False: all are done, or
 * there was an error. To be called between blocks. */
bool md_npu_weights_block(const md_npu_weights_t *reader, uint32_t *first, uint32_t *count);

/* Gives the next brick. False: all are done, or there was an error. */
bool md_npu_weights_next(md_npu_weights_t *reader, md_npu_weights_brick_t *brick);

/* Unpacks the next OFM block, whole; its first channel has index 0 in `out`, which has `elements`
 * elements. Each weight is written once, nothing else is touched. Between blocks only. */
bool md_npu_weights_unpack(md_npu_weights_t *reader, int16_t *out, uint32_t elements,
                           const md_npu_weights_strides_t *strides);

/* Bytes of the stream that have been read: where an error is. */
uint32_t md_npu_weights_offset(const md_npu_weights_t *reader);

#endif
