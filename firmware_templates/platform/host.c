/* host.c: the platform on the development machine. Time and stack are not measured here: the
 * figures of another processor would say nothing. */
#include "md_platform.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILES = 4 };

static FILE *files[FILES];

static int open_file(const char *name, const char *mode) {
    for (int i = 0; i < FILES; i++) {
        if (files[i] == NULL) {
            files[i] = fopen(name, mode);
            return files[i] != NULL ? i : -1;
        }
    }
    return -1;
}

int md_file_open_read(const char *name) {
    return open_file(name, "rb");
}

int md_file_open_write(const char *name) {
    return open_file(name, "wb");
}

uint32_t md_file_read(int file, void *data, uint32_t bytes) {
    return (uint32_t)fread(data, 1, bytes, files[file]);
}

bool md_file_write(int file, const void *data, uint32_t bytes) {
    return fwrite(data, 1, bytes, files[file]) == bytes;
}

bool md_file_close(int file) {
    const int status = fclose(files[file]);
    files[file] = NULL;
    return status == 0;
}

_Noreturn void md_exit(int code) {
    exit(code);
}

uint64_t md_counter_read(void) {
    return 0;
}

uint32_t md_counter_cost(uint64_t from, uint64_t to) {
    (void)from;
    (void)to;
    return 0;
}

void md_budget_arm(uint64_t ticks) {
    (void)ticks;
}

void md_budget_disarm(void) {
}

uint32_t md_stack_bytes(void) {
    return 0;
}

uint32_t md_stack_used(void) {
    return 0;
}
