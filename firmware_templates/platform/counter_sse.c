/* counter_sse.c: time from the system counter and system timer of Arm's SSE-300 subsystem.
 *
 * Registers: Arm SSE-123 Example Subsystem Technical Reference Manual, "System counter" and "System
 * timer". MD_BOARD_COUNTER and MD_BOARD_TIMER are their addresses, from the board file. */
#include "board_config.h"
#include "md_cortex_m.h"
#include "md_platform.h"

#define CNTCR MD_REGISTER(MD_BOARD_COUNTER + 0x00u)
#define CNTCV_LO MD_REGISTER(MD_BOARD_COUNTER + 0x08u)
#define CNTCV_HI MD_REGISTER(MD_BOARD_COUNTER + 0x0Cu)
#define CNTP_CVAL_LO MD_REGISTER(MD_BOARD_TIMER + 0x20u)
#define CNTP_CVAL_HI MD_REGISTER(MD_BOARD_TIMER + 0x24u)
#define CNTP_CTL MD_REGISTER(MD_BOARD_TIMER + 0x2Cu)

#define ENABLE 1u

void md_counter_init(void) {
    CNTCR = ENABLE;
    MD_NVIC_ISER(MD_BOARD_TIMER_INTERRUPT / 32u) = 1u << (MD_BOARD_TIMER_INTERRUPT % 32u);
}

uint64_t md_counter_read(void) {
    uint32_t high = CNTCV_HI;
    for (;;) {
        const uint32_t low = CNTCV_LO;
        const uint32_t again = CNTCV_HI;
        if (again == high) {
            return ((uint64_t)high << 32) | low;
        }
        high = again;
    }
}

uint32_t md_counter_cost(uint64_t from, uint64_t to) {
    (void)from;
    (void)to;
    return 0;
}

void md_budget_arm(uint64_t ticks) {
    if (ticks == 0) {
        return;
    }
    const uint64_t end = md_counter_read() + ticks;
    CNTP_CVAL_LO = (uint32_t)end;
    CNTP_CVAL_HI = (uint32_t)(end >> 32);
    CNTP_CTL = ENABLE;
}

void md_budget_disarm(void) {
    CNTP_CTL = 0;
}
