/* md_main.c: runs front end and model over every entry of inputs.bin and records what they
 * computed. Both files are defined in md_exchange.h. */
#include "md_exchange.h"
#include "md_meter.h"
#include "md_model.h"
#include "md_platform.h"
#include "md_records.h"

#if MD_HAVE_FRONTEND
#include "frontend_config.h"
#include "md_clip.h"
#endif

#if MD_HAVE_NPU
#include "md_npu_step.h"
#endif

#if MD_HAVE_STREAM
#include "md_smoother.h"
#include "md_stream.h"
#endif

#if MD_HAVE_TFLM
#include "md_tflm.h"
#endif

#include <stddef.h>
#include <string.h>

/* What is being run, for the observers. */
typedef struct {
    md_inputs_header_t header;
    int file;
    uint32_t run;
    uint64_t frontend;     /* instructions of this run's front end */
    uint64_t instructions; /* of the part that runs, so far */
    uint32_t observed;     /* calls of observers in this run */
} md_session_t;

static _Noreturn void refuse(const md_session_t *session, uint32_t error) {
    md_record(MD_RECORD_ERROR, error, session->run, 0, NULL, 0);
    md_records_abandon();
    md_exit(MD_EXIT_REFUSED);
}

_Noreturn void md_app_fault(const md_fault_t *fault) {
    md_record(MD_RECORD_FAULT, 0, 0, 0, fault, sizeof *fault);
    md_records_abandon();
    md_exit(MD_EXIT_FAULT);
}

#if MD_HAVE_NPU
_Noreturn void md_app_npu_failed(const md_npu_failure_t *failure) {
    md_record(MD_RECORD_NPU, failure->kind, 0, 0, failure, sizeof *failure);
    md_records_abandon();
    md_exit(MD_EXIT_NPU_FAILED);
}
#endif

#if MD_HAVE_TFLM
_Noreturn void md_app_tflm_failed(md_tflm_failure_t failure, uint32_t status, const char *log) {
    md_record(MD_RECORD_TFLM, (uint32_t)failure, 0, status, log, (uint32_t)strlen(log));
    md_records_abandon();
    md_exit(MD_EXIT_TFLM_FAILED);
}
#endif

static void read_exactly(const md_session_t *session, void *data, uint32_t bytes) {
    if (md_file_read(session->file, data, bytes) != bytes) {
        refuse(session, MD_ERROR_TRUNCATED);
    }
}

static void read_padding(const md_session_t *session, uint32_t bytes) {
    uint8_t padding[3];
    read_exactly(session, padding, (0u - bytes) & 3u);
}

static void read_header(md_session_t *session) {
    md_inputs_header_t *const header = &session->header;
    read_exactly(session, header, sizeof *header);
    if (header->magic != MD_INPUTS_MAGIC || header->version != MD_EXCHANGE_VERSION ||
        (header->flags & ~(uint32_t)MD_FLAGS_ALL) != 0u || header->shift < 1u ||
        header->shift > 31u || header->reserved != 0u) {
        refuse(session, MD_ERROR_HEADER);
    }
}

static void observe_step(void *context, uint32_t step, const md_tensor_t *tensor) {
    const uint64_t instructions = md_meter_stop();
    md_session_t *const session = context;
    session->instructions += instructions;
    session->observed++;
    if ((session->header.flags & MD_FLAG_TENSORS) != 0u) {
        md_record(MD_RECORD_TENSOR, tensor->index, session->run, step, tensor->data, tensor->bytes);
    }
    if ((session->header.flags & MD_FLAG_STEPS) != 0u) {
        md_record(MD_RECORD_STEP, tensor->index, session->run, step, &instructions,
                  sizeof instructions);
    }
    md_meter_start();
}

static void read_tensors(const md_session_t *session, uint32_t bytes) {
    uint32_t expected = 0;
    for (uint32_t i = 0; i < md_model_input_count; i++) {
        expected += md_model_inputs[i].bytes;
    }
    if (bytes != expected) {
        refuse(session, MD_ERROR_LENGTH);
    }
    for (uint32_t i = 0; i < md_model_input_count; i++) {
        read_exactly(session, md_model_inputs[i].data, md_model_inputs[i].bytes);
    }
}

#if MD_HAVE_FRONTEND

enum { PIECE = 256 }; /* samples read at a time */

static void observe_stage(void *context, uint32_t stage, uint32_t frame, const void *data,
                          uint32_t bytes) {
    const uint64_t instructions = md_meter_stop();
    md_session_t *const session = context;
    session->instructions += instructions;
    session->observed++;
    if (stage < 32u && ((session->header.stages >> stage) & 1u) != 0u) {
        md_record(MD_RECORD_FRONTEND, stage, session->run, frame, data, bytes);
    }
    md_meter_start();
}

/* Samples as they come from the file: only a piece of them is in memory. */
static struct {
    uint32_t left; /* in the file */
    uint32_t read; /* in `pcm` */
    uint32_t used; /* of those */
    _Alignas(4) int16_t pcm[PIECE * MD_FRONTEND_CHANNELS];
} source;

static const uint32_t sample_bytes = MD_FRONTEND_CHANNELS * sizeof source.pcm[0];

static void open_source(const md_session_t *session, uint32_t bytes) {
    if (bytes % sample_bytes != 0u) {
        refuse(session, MD_ERROR_LENGTH);
    }
    source.left = bytes / sample_bytes;
    source.read = 0;
    source.used = 0;
}

/* Returns whether there was anything left. */
static bool read_piece(const md_session_t *session) {
    source.read = source.left < PIECE ? source.left : PIECE;
    source.used = 0;
    source.left -= source.read;
    read_exactly(session, source.pcm, source.read * sample_bytes);
    return source.read > 0u;
}

static void run_frontend(md_session_t *session, uint32_t bytes) {
    const md_frontend_observer_t observer = session->header.stages != 0u ? observe_stage : NULL;

    open_source(session, bytes);
    if (source.left < MD_FRONTEND_MIN_SAMPLES || source.left > MD_FRONTEND_CLIP_SAMPLES) {
        refuse(session, MD_ERROR_LENGTH);
    }
    md_clip_begin(observer, session);
    while (read_piece(session)) {
        md_meter_start();
        md_clip_push(source.pcm, source.read);
        session->instructions += md_meter_stop();
    }
    md_meter_start();
    const bool complete = md_clip_end(md_model_inputs[0].data);
    session->instructions += md_meter_stop();
    if (!complete) {
        refuse(session, MD_ERROR_LENGTH);
    }
}

#endif

static void begin_run(md_session_t *session, uint32_t kind) {
    const md_inputs_header_t *const header = &session->header;
    md_record(MD_RECORD_RUN, kind, session->run, 0, NULL, 0);
    md_meter_set_budget(((uint64_t)header->budget_ticks_high << 32) | header->budget_ticks);
    session->instructions = 0;
    session->observed = 0;
}

static void record_tensors(uint32_t type, uint32_t run, const md_tensor_t *tensors,
                           uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        md_record(type, tensors[i].index, run, i, tensors[i].data, tensors[i].bytes);
    }
}

/* The model's inputs are in place, their instructions counted. */
static void run_model(md_session_t *session) {
    session->frontend = session->instructions;
    record_tensors(MD_RECORD_INPUT, session->run, md_model_inputs, md_model_input_count);
    session->instructions = 0;
    md_meter_start();
    md_model_invoke(session->header.flags != 0u ? observe_step : NULL, session);
    session->instructions += md_meter_stop();
    record_tensors(MD_RECORD_OUTPUT, session->run, md_model_outputs, md_model_output_count);
}

static void record_npu(const md_session_t *session) {
#if MD_HAVE_NPU
    md_npu_counts_t counts;
    if (md_npu_counted(&counts)) {
        md_record(MD_RECORD_NPU_COUNTS, 0, session->run, 0, &counts, sizeof counts);
    }
#else
    (void)session;
#endif
}

static void record_arena(const md_session_t *session) {
#if MD_HAVE_TFLM
    md_record(MD_RECORD_ARENA, md_tflm_arena_used(), session->run, md_tflm_arena_bytes, NULL, 0);
#else
    (void)session;
#endif
}

static void end_run(md_session_t *session) {
    const uint64_t counts[2] = {session->frontend, session->instructions};
    record_npu(session);
    record_arena(session);
    md_record(MD_RECORD_COUNTS, 0, session->run, session->observed, counts, sizeof counts);
    session->run++;
}

static void run_single(md_session_t *session, const md_entry_header_t *entry) {
    begin_run(session, entry->kind);
    if (entry->kind == MD_ENTRY_TENSORS) {
        read_tensors(session, entry->bytes);
#if MD_HAVE_FRONTEND
    } else if (entry->kind == MD_ENTRY_PCM) {
        run_frontend(session, entry->bytes);
#endif
    } else {
        refuse(session, MD_ERROR_KIND);
    }
    run_model(session);
    end_run(session);
}

#if MD_HAVE_STREAM

static void hear_window(md_session_t *session) {
    while (!md_stream_ready()) {
        if (source.used == source.read && !read_piece(session)) {
            refuse(session, MD_ERROR_LENGTH);
        }
        md_meter_start();
        source.used += md_stream_push(source.pcm + source.used * MD_FRONTEND_CHANNELS,
                                      source.read - source.used);
        session->instructions += md_meter_stop();
    }
    md_meter_start();
    md_stream_take(md_model_inputs[0].data);
    session->instructions += md_meter_stop();
}

static void detect(const md_session_t *session) {
    md_detection_t found;
    if (md_smoother_push(md_model_outputs[0].data, &found)) {
        md_record(MD_RECORD_DETECTION, found.output, session->run, 0, &found.sum, sizeof found.sum);
    }
}

static void run_stream(md_session_t *session, uint32_t bytes) {
    md_stream_entry_t stream;
    md_smoother_config_t smoothing;

    if (bytes < sizeof stream + sizeof smoothing) {
        refuse(session, MD_ERROR_LENGTH);
    }
    read_exactly(session, &stream, sizeof stream);
    read_exactly(session, &smoothing, sizeof smoothing);
    open_source(session, bytes - (uint32_t)(sizeof stream + sizeof smoothing));
    const bool detects = smoothing.windows > 0u;
    if (stream.stride == 0u || smoothing.windows > MD_SMOOTHER_MAX_WINDOWS ||
        (detects && md_model_outputs[0].bytes != MD_SMOOTHER_OUTPUTS)) {
        refuse(session, MD_ERROR_LENGTH);
    }
    md_stream_begin(stream.stride, NULL, NULL);
    md_smoother_begin(&smoothing);
    for (uint32_t window = 0; window < stream.windows; window++) {
        begin_run(session, MD_ENTRY_STREAM);
        hear_window(session);
        run_model(session);
        if (detects) {
            detect(session);
        }
        end_run(session);
    }
    while (read_piece(session)) {
        /* what is left makes no window */
    }
}

#endif

static void run_entry(md_session_t *session) {
    md_entry_header_t entry;
    read_exactly(session, &entry, sizeof entry);
    switch (entry.kind) {
#if MD_HAVE_STREAM
    case MD_ENTRY_STREAM:
        run_stream(session, entry.bytes);
        break;
#endif
    default:
        run_single(session, &entry);
    }
    read_padding(session, entry.bytes);
}

int main(void) {
    static md_session_t session;
    uint8_t beyond;

    md_records_open();
    session.file = md_file_open_read(MD_INPUTS_FILE);
    if (session.file < 0) {
        refuse(&session, MD_ERROR_NO_INPUTS);
    }
    read_header(&session);
    md_meter_init(session.header.multiplier, session.header.shift);
#if MD_HAVE_NPU || MD_HAVE_TFLM
    md_model_prepare();
#endif
    md_model_reset();
    for (uint32_t entry = 0; entry < session.header.count; entry++) {
        run_entry(&session);
    }
    if (md_file_read(session.file, &beyond, 1) != 0u) {
        refuse(&session, MD_ERROR_TRAILING);
    }
    md_records_end(session.run);
    return MD_EXIT_OK;
}
