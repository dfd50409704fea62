/* counter_mps2.c: time on the FPGA images of Arm's MPS2 boards.
 *
 * COUNTER of the FPGA's system control counts 32 bits of ticks. CLK100HZ beside it counts hundredths
 * of a second, and so tells how often COUNTER has wrapped. The budget is kept by timer 1 of the
 * CMSDK's dual timer. Registers: application note AN385, "FPGA system control and I/O", and the
 * Cortex-M System Design Kit's Technical Reference Manual, "APB dual timers". */
#include "board_config.h"
#include "md_cortex_m.h"
#include "md_platform.h"

#define CLK100HZ MD_REGISTER(MD_BOARD_COUNTER + 0x14u)
#define COUNTER MD_REGISTER(MD_BOARD_COUNTER + 0x18u)
#define PRESCALE MD_REGISTER(MD_BOARD_COUNTER + 0x1Cu)

#define TIMER_LOAD MD_REGISTER(MD_BOARD_TIMER + 0x00u)
#define TIMER_CONTROL MD_REGISTER(MD_BOARD_TIMER + 0x08u)
#define TIMER_INTCLR MD_REGISTER(MD_BOARD_TIMER + 0x0Cu)

#define TICKS_OF_CLK100HZ (MD_BOARD_COUNTER_HZ / 100u)

/* Periodic, 32 bits, a 256th of the clock: 2^40 ticks at most. */
#define TIMER_MODE ((1u << 6) | (1u << 1) | (2u << 2))
#define TIMER_ENABLE ((1u << 7) | (1u << 5) | (1u << 0)) /* once, with its interrupt */
#define TIMER_DIVISOR_LOG2 8

void md_counter_init(void) {
    PRESCALE = 0;
    CLK100HZ = 0;
    COUNTER = 0;
    MD_NVIC_ISER(MD_BOARD_TIMER_INTERRUPT / 32u) = 1u << (MD_BOARD_TIMER_INTERRUPT % 32u);
}

/* CLK100HZ gives the count to within far less than half a turn of COUNTER. */
uint64_t md_counter_read(void) {
    const uint32_t low = COUNTER;
    const uint64_t about = (uint64_t)CLK100HZ * TICKS_OF_CLK100HZ;
    return about + (uint64_t)(int64_t)(int32_t)(low - (uint32_t)about);
}

uint32_t md_counter_cost(uint64_t from, uint64_t to) {
    (void)from;
    (void)to;
    return 0;
}

void md_budget_arm(uint64_t ticks) {
    const uint64_t load = (ticks >> TIMER_DIVISOR_LOG2) + 1u;
    if (ticks == 0 || load > UINT32_MAX) {
        return; /* more than the timer can count is left to the host's clock */
    }
    TIMER_CONTROL = TIMER_MODE;
    TIMER_LOAD = (uint32_t)load;
    TIMER_CONTROL = TIMER_MODE | TIMER_ENABLE;
}

void md_budget_disarm(void) {
    TIMER_CONTROL = TIMER_MODE;
    TIMER_INTCLR = 1;
}
