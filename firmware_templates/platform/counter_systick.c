/* counter_systick.c: time from the core's own 24-bit timer, which every Cortex-M here has.
 *
 * SysTick counts down and interrupts at 0. The interrupt counts the periods and keeps the budget, to
 * within a period. Registers: Armv7-M Architecture Reference Manual, "The system timer, SysTick". */
#include "board_config.h"
#include "md_cortex_m.h"
#include "md_platform.h"

#define SYST_CSR MD_REGISTER(0xE000E010u)
#define SYST_RVR MD_REGISTER(0xE000E014u)
#define SYST_CVR MD_REGISTER(0xE000E018u)

#define CSR_CORE_CLOCK_INTERRUPT_ENABLE 7u
#define RELOAD 0xFFFFFFu
#define PERIOD_LOG2 24

/* Instructions of md_systick_interrupt while the budget lasts. */
#define INTERRUPT_INSTRUCTIONS 7u

volatile struct {
    uint32_t periods;
    uint32_t left; /* of the budget, in periods; 0: none */
} md_systick;

void md_counter_init(void) {
    SYST_RVR = RELOAD;
    SYST_CVR = 0; /* any value clears it: the first tick reloads it */
    SYST_CSR = CSR_CORE_CLOCK_INTERRUPT_ENABLE;
}

/* Each period is counted in the same number of instructions, so that they can be subtracted.
 * When the budget is used up, PendSV follows and is reported. */
__attribute__((naked)) void md_systick_interrupt(void) {
    __asm__ volatile("ldr r0, =md_systick\n\t"
                     "ldrd r1, r2, [r0]\n\t"
                     "adds r1, #1\n\t"
                     "subs r2, #1\n\t"
                     "strd r1, r2, [r0]\n\t"
                     "beq 1f\n\t"
                     "bx lr\n"
                     "1: ldr r0, =0xE000ED04\n\t" /* ICSR */
                     "mov r1, #0x10000000\n\t"    /* PENDSVSET */
                     "str r1, [r0]\n\t"
                     "bx lr\n\t"
                     ".ltorg");
}

uint64_t md_counter_read(void) {
    for (;;) {
        const uint32_t periods = md_systick.periods;
        const uint32_t value = SYST_CVR;
        const bool pending = (MD_SCB_ICSR & MD_ICSR_PENDSTSET) != 0u;
        if (!pending && periods == md_systick.periods) {
            return ((uint64_t)periods << PERIOD_LOG2) + (RELOAD - value);
        }
    }
}

uint32_t md_counter_cost(uint64_t from, uint64_t to) {
    return ((uint32_t)(to >> PERIOD_LOG2) - (uint32_t)(from >> PERIOD_LOG2)) *
           INTERRUPT_INSTRUCTIONS;
}

void md_budget_arm(uint64_t ticks) {
    const uint64_t periods = (ticks >> PERIOD_LOG2) + 2u;
    if (ticks != 0 && periods <= UINT32_MAX) {
        md_systick.left = (uint32_t)periods;
    }
}

void md_budget_disarm(void) {
    md_systick.left = 0;
}
