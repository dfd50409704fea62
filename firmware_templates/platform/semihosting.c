/* semihosting.c: files and exit through Arm semihosting (QEMU, the FVPs, debuggers).
 *
 * Operation numbers and argument blocks: Arm "Semihosting for AArch32 and AArch64". */
#include "md_platform.h"

#include <string.h>

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_EXIT_EXTENDED = 0x20,
};

enum { MODE_RB = 1, MODE_WB = 5 };

enum { APPLICATION_EXIT = 0x20026 };

static int32_t call(uint32_t operation, const void *arguments) {
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}

static uint32_t address(const void *pointer) {
    return (uint32_t)(uintptr_t)pointer;
}

static int open_file(const char *name, uint32_t mode) {
    const uint32_t arguments[3] = {address(name), mode, (uint32_t)strlen(name)};
    return (int)call(SYS_OPEN, arguments);
}

int md_file_open_read(const char *name) {
    return open_file(name, MODE_RB);
}

int md_file_open_write(const char *name) {
    return open_file(name, MODE_WB);
}

/* Both transfers answer with the number of bytes NOT moved, and may move fewer than asked. */
static uint32_t transfer(uint32_t operation, int file, const uint8_t *data, uint32_t bytes) {
    uint32_t done = 0;
    while (done < bytes) {
        const uint32_t left = bytes - done;
        const uint32_t arguments[3] = {(uint32_t)file, address(data + done), left};
        const int32_t answer = call(operation, arguments);
        if (answer < 0 || (uint32_t)answer >= left) {
            break; /* an error, the end of the file, or no progress */
        }
        done += left - (uint32_t)answer;
    }
    return done;
}

uint32_t md_file_read(int file, void *data, uint32_t bytes) {
    return transfer(SYS_READ, file, data, bytes);
}

bool md_file_write(int file, const void *data, uint32_t bytes) {
    return transfer(SYS_WRITE, file, data, bytes) == bytes;
}

bool md_file_close(int file) {
    const uint32_t arguments[1] = {(uint32_t)file};
    return call(SYS_CLOSE, arguments) == 0;
}

_Noreturn void md_exit(int code) {
    const uint32_t arguments[2] = {APPLICATION_EXIT, (uint32_t)code};
    for (;;) {
        (void)call(SYS_EXIT_EXTENDED, arguments);
    }
}
