/* uart_cmsdk.c: the UART of Arm's Cortex-M System Design Kit, which the MPS2 and MPS3 images have.
 *
 * Registers: the kit's Technical Reference Manual, "APB UART". */
#include "board_config.h"
#include "md_cortex_m.h"
#include "md_uart.h"

#define DATA MD_REGISTER(MD_BOARD_UART + 0x00u)
#define STATE MD_REGISTER(MD_BOARD_UART + 0x04u)
#define CTRL MD_REGISTER(MD_BOARD_UART + 0x08u)
#define BAUDDIV MD_REGISTER(MD_BOARD_UART + 0x10u)

#define STATE_TX_FULL (1u << 0)
#define STATE_RX_FULL (1u << 1)
#define CTRL_TX_AND_RX_ENABLE 3u

void md_uart_init(void) {
    BAUDDIV = MD_BOARD_UART_DIVISOR;
    CTRL = CTRL_TX_AND_RX_ENABLE;
    (void)DATA; /* of before; and QEMU looks for what has come since only when it is read */
}

void md_uart_put(uint8_t byte) {
    while ((STATE & STATE_TX_FULL) != 0u) {
    }
    DATA = byte;
}

bool md_uart_ready(void) {
    return (STATE & STATE_RX_FULL) != 0u;
}

uint8_t md_uart_get(void) {
    while (!md_uart_ready()) {
    }
    return (uint8_t)DATA;
}
