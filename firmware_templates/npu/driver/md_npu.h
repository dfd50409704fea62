/* md_npu.h: driver of Arm's Ethos-U55, U65 and U85.
 *
 *     md_npu_open       finds the NPU, once
 *     md_npu_check      compares a stream with the NPU, for each before the first run
 *     md_npu_run        runs a stream to its end
 *     md_npu_counted    what the functional model counted of the runs
 *
 * One NPU, one caller at a time. Nothing is allocated. What goes wrong is described in a
 * md_npu_failure_t, and the NPU is left reset.
 *
 * A stream is what Vela puts into a model's `ethos-u` operator: the words "COP1", actions for the
 * driver among them the configuration that it was compiled for, then the commands of the NPU. */
#ifndef MD_NPU_H
#define MD_NPU_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    MD_NPU_FAILED_ABSENT = 1, /* nothing answers, and no model is linked in; id: what ID reads */
    MD_NPU_FAILED_RESET = 2,  /* a reset did not end */
    MD_NPU_FAILED_STREAM = 3, /* not a stream for this driver; detail: offset of the word */
    MD_NPU_FAILED_CONFIG =
        4, /* compiled for another NPU: see config, id, stream_config, stream_id */
    MD_NPU_FAILED_TIMEOUT = 5, /* no end, no error, within MD_NPU_MAX_POLLS */
    MD_NPU_FAILED_RUN = 6,     /* the NPU stopped: see status and queue_read */
} md_npu_failure_kind_t;

/* All words, as it goes into a record. */
typedef struct {
    uint32_t kind;          /* MD_NPU_FAILED_ */
    uint32_t step;          /* of the model */
    uint32_t detail;        /* as the kind says */
    uint32_t id;            /* register ID */
    uint32_t config;        /* register CONFIG */
    uint32_t stream_id;     /* the same of the NPU that the stream was compiled for */
    uint32_t stream_config; /* likewise */
    uint32_t status;        /* register STATUS when it stopped */
    uint32_t queue_read;    /* register QREAD: bytes of commands that were fetched */
    uint32_t modelled;      /* 1: it was the functional model; then what its md_npu_fault_t says: */
    uint32_t model_error;
    uint32_t model_offset;
    uint32_t model_command;
    uint32_t model_setting;
    uint32_t model_value;
    uint32_t model_value_high;
} md_npu_failure_t;

/* A stream and the memory that it works on, everything aligned to 16 bytes and in memory that the
 * NPU reaches. */
typedef struct {
    const uint8_t *stream;
    uint32_t stream_bytes;
    const uint8_t *constants; /* region 0: weights, scales, tables; only read */
    uint32_t constants_bytes;
    uint8_t *arena; /* region 1: feature maps */
    uint32_t arena_bytes;
    uint32_t fast_offset; /* region 2: the arena from here on */
} md_npu_job_t;

/* What runs amounted to, all words of 64 bits, as it goes into a record. Bytes as the functional
 * model counts them: md_npu_counters_t of md_npu_model.h. */
typedef struct {
    uint64_t macs;
    uint64_t operations;
    uint64_t dma_bytes;
    uint64_t stream_read;
    uint64_t constants_read;
    uint64_t arena_read;
    uint64_t arena_written;
} md_npu_counts_t;

/* Finds the NPU and resets it. Returns whether it is there; else says why in `failure`. */
bool md_npu_open(md_npu_failure_t *failure);

/* Whether a stream is one, and was compiled for this NPU. After md_npu_open. */
bool md_npu_check(const uint8_t *stream, uint32_t stream_bytes, md_npu_failure_t *failure);

/* Runs a stream that md_npu_check has passed. */
bool md_npu_run(const md_npu_job_t *job, md_npu_failure_t *failure);

/* What has been run since the last call, or since md_npu_open. Returns whether anything counts: the
 * functional model does; of a real NPU all is 0. */
bool md_npu_counted(md_npu_counts_t *counts);

/* The handler of the NPU's interrupt. Without it, completion is polled. */
void md_npu_interrupt(void);

/* Hooks, weak: they do nothing unless the system defines them.
 * clean:       called before a run, for what the core has written and the NPU will read: the arena.
 *              Streams and constants are taken to be in memory since the image was loaded.
 * invalidate:  called after a run, for what the NPU has written and the core will read. A line of the
 *              cache that the arena shares with other data is to be cleaned first.
 * idle:        called between two looks at the NPU; may sleep by WFE, but not by WFI: the interrupt
 *              may have come since the last look. The time-out then needs something that wakes it. */
void md_npu_clean_cache(const void *data, uint32_t bytes);
void md_npu_invalidate_cache(void *data, uint32_t bytes);
void md_npu_idle(void);

#endif
