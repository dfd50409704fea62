/* md_npu_bus.h: how the driver reaches the registers: in an NPU, or in its functional model.
 *
 * Which of them is decided once, by md_npu_bus_open: the NPU where its ID register answers, else
 * the model if it was linked in. npu_config.h, generated for the project, says what there is. */
#ifndef MD_NPU_BUS_H
#define MD_NPU_BUS_H

#include "md_npu.h"

#include <stdbool.h>
#include <stdint.h>

/* Returns what the ID register reads; 0 where neither NPU nor model is there. */
uint32_t md_npu_bus_open(void);

uint32_t md_npu_bus_read(uint32_t offset);
void md_npu_bus_write(uint32_t offset, uint32_t value);

/* Tells the model which memory a job may touch: nothing else is reachable. */
void md_npu_bus_admit(const md_npu_job_t *job);

/* What the model has counted since md_npu_bus_open. Returns false, and writes nothing, where no
 * model is in use. */
bool md_npu_bus_counters(md_npu_counts_t *counts);

/* Adds to a failure what the model knows of it. */
void md_npu_bus_explain(md_npu_failure_t *failure);

#endif
