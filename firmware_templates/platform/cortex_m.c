/* cortex_m.c: start-up, faults and stack of a Cortex-M (Armv7-M and later).
 *
 * The program runs in thread mode on the process stack, exceptions on the main stack. So a fault
 * can still be reported when the program's stack has overflowed. From Armv8-M on, PSPLIM makes
 * every overflow fault; before that, the MPU, where the core has one, lets nothing be written to the
 * end of the stack.
 */
#include "board_config.h"
#include "md_cortex_m.h"
#include "md_platform.h"

#include <stddef.h>

/* From the linker script; only their addresses mean something. */
extern uint32_t md_ld_data_load[], md_ld_data_start[], md_ld_data_end[];
extern uint32_t md_ld_bss_start[], md_ld_bss_end[];
extern uint32_t md_ld_stack_limit[], md_ld_stack_top[];
extern uint32_t md_ld_handler_stack_limit[], md_ld_handler_stack_top[];

int main(void);

#define STACK_PAINT 0xC5C5C5C5u

#define CCR_DIV_0_TRP (1u << 4)
#define CCR_LOB (1u << 19)
#define SHCSR_FAULTS_ENABLE (7u << 16) /* MemManage, BusFault, UsageFault as themselves */
#define CPACR_FPU_AND_MVE (0xFu << 20)
/* Round to nearest, denormals kept, NaNs propagated; with MVE also LTPSIZE 4, no tail predication. */
#if defined(__ARM_FEATURE_MVE)
#define FPSCR_DEFAULT (4u << 16)
#else
#define FPSCR_DEFAULT 0u
#endif
#define CFSR_MSTKERR (1u << 4)
#define CFSR_MMARVALID (1u << 7)
#define CFSR_STKOF (1u << 20)
#define CFSR_STACKING_FAILED ((1u << 4) | (1u << 5) | (1u << 12) | (1u << 13))

static void enable_core(void) {
    MD_SCB_SHCSR |= SHCSR_FAULTS_ENABLE;
    MD_SCB_CCR |= CCR_DIV_0_TRP;
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    MD_SCB_CPACR |= CPACR_FPU_AND_MVE;
#endif
#if defined(__ARM_FEATURE_MVE)
    MD_SCB_CCR |= CCR_LOB; /* low-overhead loops */
#endif
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#if defined(__ARM_FP)
    /* Whatever ran before: results must not depend on it. */
    MD_FPDSCR = FPSCR_DEFAULT;
    __asm__ volatile("vmsr fpscr, %0" ::"r"(FPSCR_DEFAULT));
#endif
}

#if __ARM_ARCH < 8
#define MPU_TYPE_REGIONS (0xFFu << 8)
#define MPU_RBAR_REGION_0 (1u << 4)
#define MPU_RASR_READ_ONLY (5u << 24) /* for privileged code; no access for other */
#define MPU_RASR_NORMAL_MEMORY (1u << 19)
#define MPU_RASR_256_BYTES_ENABLE ((7u << 1) | 1u)
#define MPU_CTRL_ENABLE_WITH_BACKGROUND 5u

enum { GUARD_BYTES = 256 };

/* The last bytes of the stack can be read, to measure it, but not be written. */
static void guard_stack(void) {
    if ((MD_MPU_TYPE & MPU_TYPE_REGIONS) != 0u) {
        MD_MPU_RBAR = (uint32_t)(uintptr_t)md_ld_stack_limit | MPU_RBAR_REGION_0;
        MD_MPU_RASR = MPU_RASR_READ_ONLY | MPU_RASR_NORMAL_MEMORY | MPU_RASR_256_BYTES_ENABLE;
        MD_MPU_CTRL = MPU_CTRL_ENABLE_WITH_BACKGROUND;
        __asm__ volatile("dsb\n\tisb" ::: "memory");
    }
}
#endif

static void init_memory(void) {
    const uint32_t *from = md_ld_data_load;
    for (uint32_t *to = md_ld_data_start; to < md_ld_data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = md_ld_bss_start; to < md_ld_bss_end; to++) {
        *to = 0;
    }
}

/* Runs on the main stack, while the process stack is still unused. */
__attribute__((used)) static void prepare(void) {
    enable_core();
    init_memory();
    for (volatile uint32_t *word = md_ld_stack_limit; word < md_ld_stack_top; word++) {
        *word = STACK_PAINT;
    }
#if __ARM_ARCH < 8
    guard_stack();
#endif
    md_counter_init();
#if defined(MD_BOARD_NPU_INTERRUPT)
    MD_NVIC_ISER(MD_BOARD_NPU_INTERRUPT / 32u) = 1u << (MD_BOARD_NPU_INTERRUPT % 32u);
#endif
}

__attribute__((used, noreturn)) static void run(void) {
    md_exit(main());
}

__attribute__((naked, noreturn)) void md_reset(void);
__attribute__((naked, noreturn)) void md_reset(void) {
    __asm__ volatile(
#if __ARM_ARCH >= 8
        "ldr r0, =md_ld_handler_stack_limit\n\t"
        "msr msplim, r0\n\t"
        "ldr r0, =md_ld_stack_limit\n\t"
        "msr psplim, r0\n\t"
#endif
        "ldr r0, =md_vectors\n\t"
        "ldr r1, =0xE000ED08\n\t" /* VTOR */
        "str r0, [r1]\n\t"
        "bl prepare\n\t"
        "ldr r0, =md_ld_stack_top\n\t"
        "msr psp, r0\n\t"
        "movs r0, #2\n\t" /* CONTROL.SPSEL: thread mode uses the process stack */
        "msr control, r0\n\t"
        "isb\n\t"
        "bl run\n\t"
        ".ltorg");
}

static uint32_t address(const uint32_t *pointer) {
    return (uint32_t)(uintptr_t)pointer;
}

/* Whether the eight registers that the core saves on an exception can be believed. */
static int frame_is_valid(const uint32_t *frame, uint32_t cfsr) {
    const int on_stack = address(frame) >= address(md_ld_stack_limit) &&
                         address(frame) + 32u <= address(md_ld_stack_top);
    const int on_handler_stack = address(frame) >= address(md_ld_handler_stack_limit) &&
                                 address(frame) + 32u <= address(md_ld_handler_stack_top);
    const int overflowed =
        (cfsr & CFSR_STKOF) != 0u && address(frame) == address(md_ld_stack_limit);
    return (on_stack || on_handler_stack) && !overflowed && (cfsr & CFSR_STACKING_FAILED) == 0u;
}

/* The fault's status. What the guard of the stack stopped is told as Armv8-M tells it. */
static uint32_t fault_status(const uint32_t *frame) {
    uint32_t cfsr = MD_SCB_CFSR;
#if __ARM_ARCH < 8
    const uint32_t guard = address(md_ld_stack_limit);
    const uint32_t on_access = MD_SCB_MMFAR - guard;
    const uint32_t on_entry = address(frame) - guard + GUARD_BYTES; /* may lie below, too */
    if (((cfsr & CFSR_MMARVALID) != 0u && on_access < GUARD_BYTES) ||
        ((cfsr & CFSR_MSTKERR) != 0u && on_entry < 2u * GUARD_BYTES)) {
        cfsr |= CFSR_STKOF;
    }
#else
    (void)frame;
#endif
    return cfsr;
}

__attribute__((used, noreturn)) static void report(const uint32_t *frame, uint32_t exception,
                                                   uint32_t exc_return) {
    enum { EXC_RETURN_THREAD = 8, EXIT_FAULT_IN_FAULT = 5 };
    if ((exc_return & EXC_RETURN_THREAD) == 0u) {
        md_exit(EXIT_FAULT_IN_FAULT);
    }
    const uint32_t cfsr = fault_status(frame);
    const int valid = frame_is_valid(frame, cfsr);
    const md_fault_t fault = {
        .kind = exception == MD_BOARD_BUDGET_EXCEPTION ? MD_FAULT_BUDGET : exception,
        .pc = valid ? frame[6] : 0u,
        .lr = valid ? frame[5] : 0u,
        .xpsr = valid ? frame[7] : 0u,
        .cfsr = cfsr,
        .hfsr = MD_SCB_HFSR,
        .mmfar = MD_SCB_MMFAR,
        .bfar = MD_SCB_BFAR,
        .sp = address(frame),
        .stack_used = md_stack_used(),
    };
    md_app_fault(&fault);
}

/* Every exception ends here. A fault in the report itself starts the main stack afresh. */
__attribute__((naked, noreturn)) static void exception(void) {
    __asm__ volatile("tst lr, #4\n\t"
                     "ite eq\n\t"
                     "mrseq r0, msp\n\t"
                     "mrsne r0, psp\n\t"
                     "mrs r1, ipsr\n\t"
                     "mov r2, lr\n\t"
                     "ldr r3, =md_ld_handler_stack_top\n\t"
                     "tst lr, #8\n\t"
                     "it eq\n\t"
                     "moveq sp, r3\n\t"
                     "b report\n\t"
                     ".ltorg");
}

typedef union {
    void (*handler)(void);
    uint32_t *stack;
} vector_t;

extern const vector_t md_vectors[MD_BOARD_VECTORS];
/* clang-format off */
__attribute__((section(".vectors"), used)) const vector_t md_vectors[MD_BOARD_VECTORS] = {
    [0] = {.stack = md_ld_handler_stack_top},
    [1] = {.handler = md_reset},
    MD_BOARD_HANDLERS(exception)
};
/* clang-format on */

uint32_t md_stack_bytes(void) {
    return address(md_ld_stack_top) - address(md_ld_stack_limit);
}

uint32_t md_stack_used(void) {
    const volatile uint32_t *word = md_ld_stack_limit;
    while (word < md_ld_stack_top && *word == STACK_PAINT) {
        word++;
    }
    return address(md_ld_stack_top) - (uint32_t)(uintptr_t)word;
}
