/* Runs models over the inputs in the file in.bin and writes every tensor that they make to out.bin.
 *
 * in.bin holds for each model the number of its runs (uint32_t) and run after run its inputs, one after
 * another. out.bin gets records: step, tensor index, bytes (each uint32_t), data; the model's outputs
 * follow each run with the step 0xffffffff. */
#include "driver.h"
#include "md_platform.h"

#include <stddef.h>

#if defined(DRIVER_WITH_NPU)
#include "md_npu_step.h"
#endif

enum { EXIT_FILE = 2, EXIT_FAULT = 3, EXIT_NPU = 4 };

static int input;
static int output;

_Noreturn void md_app_fault(const md_fault_t *fault) {
    (void)fault;
    md_exit(EXIT_FAULT);
}

#if defined(DRIVER_WITH_NPU)
_Noreturn void md_app_npu_failed(const md_npu_failure_t *failure) {
    (void)md_file_write(output, failure, sizeof *failure);
    md_exit(EXIT_NPU);
}
#endif

static void record(void *context, uint32_t step, const md_tensor_t *tensor) {
    const uint32_t header[3] = {step, tensor->index, tensor->bytes};
    (void)context;
    if (!md_file_write(output, header, sizeof header) ||
        !md_file_write(output, tensor->data, tensor->bytes)) {
        md_exit(EXIT_FILE);
    }
}

static void read_exactly(void *data, uint32_t bytes) {
    if (md_file_read(input, data, bytes) != bytes) {
        md_exit(EXIT_FILE);
    }
}

static void run(const driver_model_t *model) {
    uint32_t runs;
    read_exactly(&runs, sizeof runs);
    if (model->prepare != NULL) {
        model->prepare();
    }
    model->reset();
    while (runs-- > 0) {
        for (uint32_t i = 0; i < *model->input_count; i++) {
            read_exactly(model->inputs[i].data, model->inputs[i].bytes);
        }
        model->invoke(record, NULL);
        for (uint32_t i = 0; i < *model->output_count; i++) {
            record(NULL, UINT32_MAX, &model->outputs[i]);
        }
    }
}

int main(void) {
    input = md_file_open_read("in.bin");
    output = md_file_open_write("out.bin");
    if (input < 0 || output < 0) {
        return EXIT_FILE;
    }
    for (uint32_t i = 0; i < driver_model_count; i++) {
        run(&driver_models[i]);
    }
    return md_file_close(output) ? 0 : EXIT_FILE;
}
