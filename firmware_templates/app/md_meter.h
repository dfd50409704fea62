/* md_meter.h: counts the instructions of chosen stretches of code, and limits them. */
#ifndef MD_METER_H
#define MD_METER_H

#include <stdint.h>

/* Sets how ticks become instructions (md_inputs_header_t), and measures its own cost, which the
 * counts below do not contain. */
void md_meter_init(uint32_t multiplier, uint32_t shift);

/* Gives the stretches from here on, together, `ticks` ticks; 0 means no limit. */
void md_meter_set_budget(uint64_t ticks);

/* Begins a stretch. */
void md_meter_start(void);

/* Ends it. Returns its length in instructions. */
uint64_t md_meter_stop(void);

#endif
