/* md_exchange.h: the two files that host and firmware exchange. This comment is their definition.
 *
 * All numbers are little-endian; everything is aligned to 4 bytes from the start of the file.
 *
 * inputs.bin, host to firmware: what to run.
 *
 *     md_inputs_header_t, then `count` entries: md_entry_header_t, payload, zeros up to a multiple of
 *     4. The file ends with the last entry. Payloads:
 *         MD_ENTRY_TENSORS  the bytes of all model inputs, one after another
 *         MD_ENTRY_PCM      one clip of int16 samples: MD_FRONTEND_MIN_SAMPLES to
 *                           MD_FRONTEND_CLIP_SAMPLES of each of MD_FRONTEND_CHANNELS, interleaved
 *         MD_ENTRY_STREAM   md_stream_entry_t; md_smoother_config_t of md_smoother.h, all zeros to
 *                           detect nothing; then int16 samples of each channel, interleaved
 *
 * records.bin, firmware to host: what came of it.
 *
 *     md_records_header_t, then records: md_record_header_t, payload, zeros up to a multiple of 4.
 *     For each entry of inputs.bin, in order, and each window of a stream, `run` counting from 0:
 *         RUN       id: the entry's kind
 *         FRONTEND  id: stage, aux: its number; a vector of the front end, if its stage was asked for
 *                   (not of a stream, whose windows share frames)
 *         INPUT     id: tensor index, aux: position among the model's inputs; as given to the model
 *         TENSOR    id: tensor index, aux: step that made it, if MD_FLAG_TENSORS
 *         STEP      id: tensor index, aux: step; u64 instructions, if MD_FLAG_STEPS
 *         OUTPUT    id: tensor index, aux: position among the model's outputs
 *         DETECTION id: element of the first output; i32 sum of md_smoother.h, where a stream's
 *                   window made one
 *         NPU_COUNTS md_npu_counts_t of md_npu.h, where the NPU's functional model was used
 *         ARENA     id: bytes of the arena that TFLite Micro uses, aux: bytes that it has
 *         COUNTS    aux: calls of observers in the counted code; u64 front end, u64 inference, in
 *                   instructions. 0 where the machine has no counter. The time of the observers
 *                   is not in them, but their calls are (some 15 instructions each).
 *     Then one of
 *         END       md_end_t; the file ends here
 *         FAULT     md_fault_t of md_platform.h; the firmware was stopped
 *         ERROR     id: an MD_ERROR_ number; the firmware refuses inputs.bin at run `run`
 *         NPU       md_npu_failure_t of md_npu.h; the NPU failed
 *         TFLM      id: md_tflm_failure_t of md_tflm.h, aux: its status; the last line that TFLite
 *                   Micro printed
 *
 * Only a file that ends with END is a success. The exit code says the same as the last record:
 * MD_EXIT_. */
#ifndef MD_EXCHANGE_H
#define MD_EXCHANGE_H

#include <stdint.h>

#define MD_INPUTS_FILE "inputs.bin"
#define MD_RECORDS_FILE "records.bin"

#define MD_INPUTS_MAGIC 0x4E49444Du  /* "MDIN" */
#define MD_RECORDS_MAGIC 0x4352444Du /* "MDRC" */
#define MD_EXCHANGE_VERSION 1u

typedef struct {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;        /* MD_FLAG_ */
    uint32_t stages;       /* bit n: record front-end stage n */
    uint32_t count;        /* entries */
    uint32_t multiplier;   /* instructions = round(ticks * multiplier / 2^shift) */
    uint32_t shift;        /* 1 to 31 */
    uint32_t reserved;     /* 0 */
    uint32_t budget_ticks; /* a run that needs more is stopped; 0: no limit */
    uint32_t budget_ticks_high;
} md_inputs_header_t;

enum {
    MD_FLAG_TENSORS = 1, /* record what every step makes */
    MD_FLAG_STEPS = 2,   /* count every step */
    MD_FLAGS_ALL = 3,
};

typedef struct {
    uint32_t kind; /* MD_ENTRY_ */
    uint32_t bytes;
} md_entry_header_t;

enum { MD_ENTRY_TENSORS = 1, MD_ENTRY_PCM = 2, MD_ENTRY_STREAM = 3 };

typedef struct {
    uint32_t stride;  /* hops between two windows, 1 or more */
    uint32_t windows; /* that the samples make: as many runs */
} md_stream_entry_t;

typedef struct {
    uint32_t magic;
    uint32_t version;
} md_records_header_t;

typedef struct {
    uint32_t type; /* MD_RECORD_ */
    uint32_t id;
    uint32_t run;
    uint32_t aux;
    uint32_t bytes; /* of the payload */
} md_record_header_t;

enum {
    MD_RECORD_RUN = 1,
    MD_RECORD_FRONTEND = 2,
    MD_RECORD_INPUT = 3,
    MD_RECORD_TENSOR = 4,
    MD_RECORD_STEP = 5,
    MD_RECORD_OUTPUT = 6,
    MD_RECORD_COUNTS = 7,
    MD_RECORD_END = 8,
    MD_RECORD_FAULT = 9,
    MD_RECORD_ERROR = 10,
    MD_RECORD_DETECTION = 11,
    MD_RECORD_NPU = 12,
    MD_RECORD_NPU_COUNTS = 13,
    MD_RECORD_TFLM = 14,
    MD_RECORD_ARENA = 15,
};

typedef struct {
    uint32_t runs;
    uint32_t records;     /* records before this one */
    uint32_t stack_bytes; /* 0 where unknown, as stack_used */
    uint32_t stack_used;  /* high-water mark */
    uint32_t crc;         /* CRC-32 (as zlib's) of every byte of the file before this field */
} md_end_t;

enum {
    MD_ERROR_NO_INPUTS = 1, /* inputs.bin cannot be opened */
    MD_ERROR_TRUNCATED = 2, /* it ends too early */
    MD_ERROR_HEADER = 3,    /* magic, version, flags, shift */
    MD_ERROR_KIND = 4,      /* an entry of unknown kind, or audio that the firmware cannot take */
    MD_ERROR_LENGTH = 5,    /* an entry is not of the length that model or front end take */
    MD_ERROR_TRAILING = 6,  /* bytes after the last entry */
};

enum {
    MD_EXIT_OK = 0,
    MD_EXIT_REFUSED = 2,
    MD_EXIT_WRITE_FAILED = 3,
    MD_EXIT_FAULT = 4,
    MD_EXIT_FAULT_IN_FAULT = 5, /* nothing could be reported */
    MD_EXIT_NPU_FAILED = 6,
    MD_EXIT_TFLM_FAILED = 7,
};

#endif
