/* A fuzzer without libFuzzer: a bounded number of mutations of each file, the same in each run.
 *
 *     fuzz_... MUTATIONS FILE...
 *
 * The last line names the file, and the number of the mutation, that broke the target. A file that
 * does not run well unchanged is an error: most mutations of it would test nothing. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES (1u << 20)

static uint32_t state;

static uint32_t next_random(void) {
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

/* Flips a bit, sets a byte, copies a part elsewhere, or cuts the end off. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) {
    (void)max_size;
    if (size < 2) {
        return size;
    }
    size_t at = next_random() % size;
    switch (next_random() % 8u) {
    case 0:
        return 1 + at;
    case 1:
        data[at] = (uint8_t)next_random();
        return size;
    case 2: {
        size_t from = next_random() % size;
        size_t longest = size - (at > from ? at : from);
        memmove(data + at, data + from, longest < 16 ? longest : 16);
        return size;
    }
    default:
        data[at] ^= (uint8_t)(1u << next_random() % 8u);
        return size;
    }
}

static int fuzz(const char *name, unsigned long mutations) {
    static uint8_t original[MAX_BYTES];
    static uint8_t changed[MAX_BYTES];
    FILE *file = fopen(name, "rb");
    if (file == NULL) {
        return 2;
    }
    size_t size = fread(original, 1, sizeof original, file);
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(original, size);
    if (!fuzz_ended_well) {
        (void)fprintf(stderr, "%s does not run\n", name);
        return 3;
    }
    size_t changed_size = size;
    memcpy(changed, original, size);
    for (unsigned long i = 0; i < mutations; i++) {
        if (i % 8u == 0) { /* changes add up for a while, then start anew */
            memcpy(changed, original, size);
            changed_size = size;
        }
        state = (uint32_t)i * 2654435761u + 1u;
        changed_size =
            LLVMFuzzerCustomMutator(changed, changed_size, sizeof changed, next_random());
        (void)fprintf(stderr, "%s %lu\n", name, i);
        (void)LLVMFuzzerTestOneInput(changed, changed_size);
    }
    return 0;
}

int main(int argc, char **argv) {
    for (int i = 2; i < argc; i++) {
        int result = fuzz(argv[i], strtoul(argv[1], NULL, 10));
        if (result != 0) {
            return result;
        }
    }
    return argc < 3 ? 2 : 0;
}
