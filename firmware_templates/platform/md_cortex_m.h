/* md_cortex_m.h: core registers, and what the Cortex-M files of the platform share.
 *
 * Addresses and bits: Armv7-M and Armv8-M Architecture Reference Manuals, "System Control Space".
 */
#ifndef MD_CORTEX_M_H
#define MD_CORTEX_M_H

#include <stdint.h>

#define MD_REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define MD_NVIC_ISER(word) MD_REGISTER(0xE000E100u + 4u * (word))
#define MD_SCB_ICSR MD_REGISTER(0xE000ED04u)
#define MD_ICSR_PENDSTSET (1u << 26)
#define MD_SCB_VTOR MD_REGISTER(0xE000ED08u)
#define MD_SCB_AIRCR MD_REGISTER(0xE000ED0Cu)
#define MD_SCB_CCR MD_REGISTER(0xE000ED14u)
#define MD_SCB_SHCSR MD_REGISTER(0xE000ED24u)
#define MD_SCB_CFSR MD_REGISTER(0xE000ED28u)
#define MD_SCB_HFSR MD_REGISTER(0xE000ED2Cu)
#define MD_SCB_MMFAR MD_REGISTER(0xE000ED34u)
#define MD_SCB_BFAR MD_REGISTER(0xE000ED38u)
#define MD_SCB_CPACR MD_REGISTER(0xE000ED88u)
#define MD_MPU_TYPE MD_REGISTER(0xE000ED90u)
#define MD_MPU_CTRL MD_REGISTER(0xE000ED94u)
#define MD_MPU_RBAR MD_REGISTER(0xE000ED9Cu)
#define MD_MPU_RASR MD_REGISTER(0xE000EDA0u)
#define MD_FPDSCR MD_REGISTER(0xE000EF3Cu) /* FPSCR of each new floating-point context */

/* Starts the counter and enables the interrupt of the budget. Called once, by the start-up code. */
void md_counter_init(void);

#endif
