/* Runs md_model_invoke over the runs in a file and writes every tensor that it makes to another.
 *
 * Usage: driver INPUTS OUTPUTS. INPUTS holds run after run, each the model's inputs one after another.
 * OUTPUTS gets records: step, tensor index, bytes (each uint32_t), data; the model's outputs follow each
 * run with the step 0xffffffff. */
#include "md_model.h"

#include <stdio.h>
#include <stdlib.h>

static void record(void *context, uint32_t step, const md_tensor_t *tensor) {
    const uint32_t header[3] = {step, tensor->index, tensor->bytes};
    FILE *file = context;
    if (fwrite(header, sizeof header, 1, file) != 1 ||
        fwrite(tensor->data, 1, tensor->bytes, file) != tensor->bytes) {
        exit(2);
    }
}

static int read_inputs(FILE *file) {
    for (uint32_t i = 0; i < md_model_input_count; i++) {
        const md_tensor_t *tensor = &md_model_inputs[i];
        if (fread(tensor->data, 1, tensor->bytes, file) != tensor->bytes) {
            return 0;
        }
    }
    return 1;
}

int main(int argc, char **argv) {
    FILE *inputs = argc == 3 ? fopen(argv[1], "rb") : NULL;
    FILE *outputs = argc == 3 ? fopen(argv[2], "wb") : NULL;
    if (inputs == NULL || outputs == NULL) {
        return 2;
    }
    md_model_reset();
    while (read_inputs(inputs)) {
        md_model_invoke(record, outputs);
        for (uint32_t i = 0; i < md_model_output_count; i++) {
            record(outputs, UINT32_MAX, &md_model_outputs[i]);
        }
    }
    return fclose(outputs) == 0 ? 0 : 2;
}
