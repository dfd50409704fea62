/* md_npu_registers.h: what the driver uses of the Ethos-U's registers.
 *
 * Offsets in bytes and bits as in Arm's Ethos-U55, U65 and U85 Technical Reference Manuals,
 * "Programmers model". The three products differ in how they describe their memory ports. */
#ifndef MD_NPU_REGISTERS_H
#define MD_NPU_REGISTERS_H

#define MD_NPU_REG_ID 0x00u
#define MD_NPU_REG_STATUS 0x04u
#define MD_NPU_REG_CMD 0x08u
#define MD_NPU_REG_RESET 0x0Cu
#define MD_NPU_REG_QBASE 0x10u
#define MD_NPU_REG_QREAD 0x18u
#define MD_NPU_REG_QCONFIG 0x1Cu
#define MD_NPU_REG_QSIZE 0x20u
#define MD_NPU_REG_PROT 0x24u
#define MD_NPU_REG_CONFIG 0x28u
#define MD_NPU_REG_REGIONCFG 0x3Cu
#define MD_NPU_REG_AXI_LIMIT(n) (0x40u + 4u * (n)) /* U55, U65: of counter n, 0 to 3 */
#define MD_NPU_REG_MEM_ATTR(n) (0x40u + 4u * (n))  /* U85: entry n, 0 to 3 */
#define MD_NPU_REG_AXI_SRAM 0x50u                  /* U85: of the first port */
#define MD_NPU_REG_AXI_EXT 0x54u                   /* U85: of the second */
#define MD_NPU_REG_BASEP(n) (0x80u + 8u * (n))     /* region n: low word, then high word */

/* ID: architecture of the programmers model. 1: U55 and U65; 2: U85. */
#define MD_NPU_ARCH_MAJOR(id) ((id) >> 28)
#define MD_NPU_ARCH_MINOR(id) (((id) >> 20) & 0xFFu)
enum { MD_NPU_ARCH_U55_U65 = 1, MD_NPU_ARCH_U85 = 2 };

/* CONFIG: the parts that a stream must have been compiled for; others are free. */
#define MD_NPU_CONFIG_PRODUCT 0xF0000000u
#define MD_NPU_CONFIG_STREAM_VERSION 0x000000F0u
#define MD_NPU_CONFIG_MACS 0x0000000Fu       /* log2 of MACs a cycle */
#define MD_NPU_CONFIG_CUSTOM_DMA 0x08000000u /* a stream may do without */
#define MD_NPU_CONFIG_SHRAM 0x0000FF00u      /* U55, U65: KiB */
#define MD_NPU_CONFIG_AXI_PORTS 0x00000700u  /* U85: log2 of the numbers of ports */

#define MD_NPU_STATE_RUNNING (1u << 0)
#define MD_NPU_STATE_IRQ (1u << 1)
#define MD_NPU_STATE_BUS_ERROR (1u << 2)
#define MD_NPU_STATE_RESETTING (1u << 3)
#define MD_NPU_STATE_PARSE_ERROR (1u << 4)
#define MD_NPU_STATE_END_REACHED (1u << 5)
#define MD_NPU_STATE_WEIGHT_ERROR (1u << 7)
#define MD_NPU_STATE_ECC_ERROR (1u << 8)
#define MD_NPU_STATE_BRANCH_ERROR (1u << 9) /* U85 */
#define MD_NPU_STATE_ERRORS                                                                        \
    (MD_NPU_STATE_BUS_ERROR | MD_NPU_STATE_PARSE_ERROR | MD_NPU_STATE_WEIGHT_ERROR |               \
     MD_NPU_STATE_ECC_ERROR | MD_NPU_STATE_BRANCH_ERROR)

/* CMD. With a Q bit set the NPU lets the system take its clock or power away while it is idle. */
#define MD_NPU_CMD_START (1u << 0)
#define MD_NPU_CMD_ACKNOWLEDGE (1u << 1)
#define MD_NPU_CMD_CLOCK_Q (1u << 2)
#define MD_NPU_CMD_POWER_Q (1u << 3)
#define MD_NPU_CMD_Q (MD_NPU_CMD_CLOCK_Q | MD_NPU_CMD_POWER_Q)
#define MD_NPU_CMD_HALT (1u << 4)

/* PROT, and RESET in the same bits: privileged, non-secure. */
#define MD_NPU_PROTECTION 3u

/* REGIONCFG, QCONFIG: a counter (U55, U65) or memory attribute (U85) for each region, two bits
 * each. We give 0 and 1 to the first port (SRAM), 2 and 3 to the second (flash, DRAM). */
#define MD_NPU_U85_SECOND_PORT (1u << 2) /* MEM_ATTR */

#endif
