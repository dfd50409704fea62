/* ethosu_driver.h: the interface of Arm's core driver for Ethos-U, as far as inference runtimes such as
 * TFLite Micro use it, on top of md_npu.h.
 *
 * Names and arguments are those that Arm publishes, so that what was compiled with Arm's header links
 * with this driver. One NPU, and one caller at a time. */
#ifndef ETHOSU_DRIVER_H
#define ETHOSU_DRIVER_H

#include "md_npu.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ethosu_driver;

/* The driver of the NPU, or NULL while it is reserved. md_npu_open must have found the NPU. */
struct ethosu_driver *ethosu_reserve_driver(void);

void ethosu_release_driver(struct ethosu_driver *drv);

/* Not of Arm's interface, where ethosu_init is told: memory for region 2 of the streams, in place of what
 * their callers name. It must lie behind the arena. */
void ethosu_set_fast_memory(const void *memory, size_t bytes);

/* Runs what Vela put into an operator, to its end. Returns 0, or -1 on a failure.
 *
 * custom_data_ptr   the stream: md_npu_job_t's
 * base_addr         addresses of constants, arena and fast memory, then of inputs and outputs, which lie
 *                   in the arena and are not looked at
 * base_addr_size    bytes of each
 * num_base_addr     how many, 3 or more
 * user_arg          ignored; older callers do not pass it */
int ethosu_invoke_v3(struct ethosu_driver *drv, const void *custom_data_ptr, int custom_data_size,
                     uint64_t *base_addr, const size_t *base_addr_size, int num_base_addr,
                     void *user_arg);

/* Not of Arm's interface: what the last ethosu_invoke_v3 that gave -1 failed of. Returns false where none
 * did. */
bool ethosu_failure(md_npu_failure_t *failure);

#ifdef __cplusplus
}
#endif

#endif
