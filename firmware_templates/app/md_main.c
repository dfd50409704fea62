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

#include <stddef.h>
#include <string.h>

/* What is being run, for the observers. */
typedef struct {
    md_inputs_header_t header;
    int file;
    uint32_t run;
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

/* Reads a clip as it is needed, so that only one frame of it is in memory. */
static void run_frontend(md_session_t *session, uint32_t bytes) {
    static int16_t pcm[PIECE * MD_FRONTEND_CHANNELS];
    const uint32_t sample = (uint32_t)sizeof pcm[0] * MD_FRONTEND_CHANNELS;
    const md_frontend_observer_t observer = session->header.stages != 0u ? observe_stage : NULL;

    if (bytes % sample != 0u || bytes / sample < MD_FRONTEND_MIN_SAMPLES ||
        bytes / sample > MD_FRONTEND_CLIP_SAMPLES) {
        refuse(session, MD_ERROR_LENGTH);
    }
    md_clip_begin(observer, session);
    for (uint32_t left = bytes / sample; left > 0u;) {
        const uint32_t samples = left < PIECE ? left : PIECE;
        read_exactly(session, pcm, samples * sample);
        left -= samples;
        md_meter_start();
        md_clip_push(pcm, samples);
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

/* Leaves the model's inputs in place; returns the front end's instructions. */
static uint64_t prepare_inputs(md_session_t *session) {
    md_entry_header_t entry;
    read_exactly(session, &entry, sizeof entry);
    md_record(MD_RECORD_RUN, entry.kind, session->run, 0, NULL, 0);
    session->instructions = 0;
    if (entry.kind == MD_ENTRY_TENSORS) {
        read_tensors(session, entry.bytes);
#if MD_HAVE_FRONTEND
    } else if (entry.kind == MD_ENTRY_PCM) {
        run_frontend(session, entry.bytes);
#endif
    } else {
        refuse(session, MD_ERROR_KIND);
    }
    read_padding(session, entry.bytes);
    return session->instructions;
}

static void record_tensors(uint32_t type, uint32_t run, const md_tensor_t *tensors,
                           uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        md_record(type, tensors[i].index, run, i, tensors[i].data, tensors[i].bytes);
    }
}

static void run_entry(md_session_t *session) {
    const md_inputs_header_t *const header = &session->header;
    uint64_t counts[2];

    md_meter_set_budget(((uint64_t)header->budget_ticks_high << 32) | header->budget_ticks);
    session->observed = 0;
    counts[0] = prepare_inputs(session);
    record_tensors(MD_RECORD_INPUT, session->run, md_model_inputs, md_model_input_count);

    session->instructions = 0;
    md_meter_start();
    md_model_invoke(header->flags != 0u ? observe_step : NULL, session);
    counts[1] = session->instructions + md_meter_stop();

    record_tensors(MD_RECORD_OUTPUT, session->run, md_model_outputs, md_model_output_count);
    md_record(MD_RECORD_COUNTS, 0, session->run, session->observed, counts, sizeof counts);
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
    for (; session.run < session.header.count; session.run++) {
        run_entry(&session);
    }
    if (md_file_read(session.file, &beyond, 1) != 0u) {
        refuse(&session, MD_ERROR_TRAILING);
    }
    md_records_end(session.run);
    return MD_EXIT_OK;
}
