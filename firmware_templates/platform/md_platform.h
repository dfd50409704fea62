/* md_platform.h: what the application needs from the machine that it runs on.
 *
 * Two implementations: host.c (stdio) and, on a Cortex-M, cortex_m.c (start-up, faults, stack) with
 * semihosting.c or serial.c (files, exit) and a counter_*.c (time). */
#ifndef MD_PLATFORM_H
#define MD_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

/* Opens a file of the simulator's working directory. Returns a handle, or -1. */
int md_file_open_read(const char *name);
int md_file_open_write(const char *name);

/* Reads up to `bytes`. Returns how many were read: fewer only at the end of the file or on an
 * error. */
uint32_t md_file_read(int file, void *data, uint32_t bytes);

/* Returns whether all bytes were written. */
bool md_file_write(int file, const void *data, uint32_t bytes);

/* Returns whether the file was closed without an error. */
bool md_file_close(int file);

_Noreturn void md_exit(int code);

/* A free-running 64-bit count of ticks; 0 for ever where the machine has none. The time that a call
 * takes does not depend on the count (except in the one call that sees the low word wrap). */
uint64_t md_counter_read(void);

/* Instructions that the counter itself executed, in interrupts, between two of its readings. */
uint32_t md_counter_cost(uint64_t from, uint64_t to);

/* Stops the program with a fault (MD_FAULT_BUDGET) after `ticks` more ticks; 0 means never. */
void md_budget_arm(uint64_t ticks);
void md_budget_disarm(void);

/* The size of the stack, and how much of it has been used at most so far, in bytes. 0 if unknown.
 */
uint32_t md_stack_bytes(void);
uint32_t md_stack_used(void);

/* Why the program was stopped: an Armv7-M/Armv8-M exception number, or MD_FAULT_BUDGET. */
enum { MD_FAULT_BUDGET = 0x100 };

typedef struct {
    uint32_t kind;
    uint32_t pc; /* 0 when the stack overflowed and the registers could not be saved */
    uint32_t lr;
    uint32_t xpsr;
    uint32_t cfsr;
    uint32_t hfsr;
    uint32_t mmfar;
    uint32_t bfar;
    uint32_t sp;
    uint32_t stack_used;
} md_fault_t;

/* Implemented by the application: reports the fault and exits. Runs on a stack of its own. */
_Noreturn void md_app_fault(const md_fault_t *fault);

#endif
