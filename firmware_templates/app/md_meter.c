#include "md_meter.h"

#include "md_platform.h"

static uint32_t multiplier;
static uint32_t shift;
static uint64_t overhead;
static uint64_t budget; /* 0: none */
static uint64_t started;

static uint64_t instructions(uint64_t ticks) {
    return (ticks * multiplier + ((uint64_t)1 << (shift - 1u))) >> shift;
}

void md_meter_init(uint32_t new_multiplier, uint32_t new_shift) {
    multiplier = new_multiplier;
    shift = new_shift;
    overhead = 0;
    md_meter_start();
    overhead = md_meter_stop();
}

void md_meter_set_budget(uint64_t ticks) {
    budget = ticks;
}

/* The budget is armed outside of what is counted, and never during input and output. */
void md_meter_start(void) {
    md_budget_arm(budget);
    started = md_counter_read();
}

uint64_t md_meter_stop(void) {
    const uint64_t now = md_counter_read();
    const uint64_t ticks = now - started;
    md_budget_disarm();
    if (budget != 0) {
        budget = budget > ticks ? budget - ticks : 1;
    }
    return instructions(ticks) - overhead - md_counter_cost(started, now);
}
