/* Calls the driver as TFLite Micro's operator does: by addresses and sizes, inputs and outputs among them.
 *
 *     ethosu_caller STREAM CONSTANTS ARENA FAST_BYTES
 *
 * ARENA is read, and written again behind the run. Prints what the driver says. */
#include "ethosu_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint8_t *data;
    size_t bytes;
} file_t;

static file_t load(const char *name) {
    FILE *const file = fopen(name, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        exit(2);
    }
    const size_t bytes = (size_t)ftell(file);
    uint8_t *const data = aligned_alloc(16, (bytes + 32u) & ~(size_t)15u);
    rewind(file);
    if (data == NULL || fread(data, 1, bytes, file) != bytes) {
        exit(2);
    }
    fclose(file);
    return (file_t){data, bytes};
}

int main(int argc, char **argv) {
    md_npu_failure_t failure;
    if (argc != 5 || !md_npu_open(&failure) || ethosu_failure(&failure)) {
        return 2;
    }
    const file_t stream = load(argv[1]);
    const file_t constants = load(argv[2]);
    const file_t arena = load(argv[3]);
    uint64_t bases[4] = {(uintptr_t)constants.data, (uintptr_t)arena.data, (uintptr_t)arena.data,
                         (uintptr_t)arena.data};
    const size_t sizes[4] = {constants.bytes, arena.bytes, (size_t)atol(argv[4]), 1};

    struct ethosu_driver *const driver = ethosu_reserve_driver();
    if (driver == NULL || ethosu_reserve_driver() != NULL) {
        return 2;
    }
    const int size = (int)stream.bytes;
    uint8_t *const copy = aligned_alloc(16, (arena.bytes + 15u) & ~(size_t)15u);
    if (copy == NULL) {
        return 2;
    }
    memcpy(copy, arena.data, arena.bytes);
    printf("invoke %d\n", ethosu_invoke_v3(driver, stream.data, size, bases, sizes, 4, NULL));
    const bool failed = ethosu_failure(&failure);
    printf("failed %d kind %u\n", failed, (unsigned)(failed ? failure.kind : 0u));
    printf("too few %d\n", ethosu_invoke_v3(driver, stream.data, size, bases, sizes, 2, NULL));
    printf("negative %d\n", ethosu_invoke_v3(driver, stream.data, -1, bases, sizes, 4, NULL));
    bases[2] -= 16;
    const size_t before[4] = {constants.bytes, arena.bytes, 16, 1};
    printf("fast memory before %d\n",
           ethosu_invoke_v3(driver, stream.data, size, bases, before, 4, NULL));
    printf("no driver %d\n", ethosu_invoke_v3(NULL, stream.data, size, bases, sizes, 4, NULL));
    bases[1] = (uintptr_t)copy;
    ethosu_set_fast_memory(copy, arena.bytes);
    printf("fast memory set %d\n",
           ethosu_invoke_v3(driver, stream.data, size, bases, sizes, 4, NULL));
    printf("the same %d\n", memcmp(copy, arena.data, arena.bytes) == 0);
    ethosu_release_driver(driver);
    if (ethosu_reserve_driver() != driver) {
        return 2;
    }
    FILE *const out = fopen(argv[3], "wb");
    const bool written = out != NULL && fwrite(arena.data, 1, arena.bytes, out) == arena.bytes;
    if (out == NULL || fclose(out) != 0 || !written) {
        return 2;
    }
    free(stream.data);
    free(constants.data);
    free(arena.data);
    free(copy);
    return 0;
}
