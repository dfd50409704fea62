/* uart_stm32.c: the USART of the STM32F7 and of later families, whose registers are the same.
 *
 * Registers: reference manual RM0385, "Universal synchronous asynchronous receiver transmitter".
 * Its clock and its pins are the board file's `setup`. */
#include "board_config.h"
#include "md_cortex_m.h"
#include "md_uart.h"

#define CR1 MD_REGISTER(MD_BOARD_UART + 0x00u)
#define CR2 MD_REGISTER(MD_BOARD_UART + 0x04u)
#define CR3 MD_REGISTER(MD_BOARD_UART + 0x08u)
#define BRR MD_REGISTER(MD_BOARD_UART + 0x0Cu)
#define ISR MD_REGISTER(MD_BOARD_UART + 0x1Cu)
#define RDR MD_REGISTER(MD_BOARD_UART + 0x24u)
#define TDR MD_REGISTER(MD_BOARD_UART + 0x28u)

#define CR1_ENABLE (1u << 0)
#define CR1_RECEIVE (1u << 2)
#define CR1_TRANSMIT (1u << 3)
#define CR3_NO_OVERRUN (1u << 12) /* a byte that nobody took is replaced, and nothing stops */
#define ISR_RECEIVED (1u << 5)
#define ISR_ROOM (1u << 7)

typedef struct {
    uint32_t address;
    uint32_t clear;
    uint32_t set;
} setup_t;

void md_uart_init(void) {
    static const setup_t setup[] = {MD_BOARD_UART_SETUP};
    for (uint32_t i = 0; i < sizeof setup / sizeof setup[0]; i++) {
        const uint32_t value = MD_REGISTER(setup[i].address) & ~setup[i].clear;
        MD_REGISTER(setup[i].address) = value | setup[i].set;
        (void)MD_REGISTER(setup[i].address); /* a clock that was just enabled needs two cycles */
    }
    CR1 = 0;
    CR2 = 0;
    CR3 = CR3_NO_OVERRUN;
    BRR = MD_BOARD_UART_DIVISOR;
    CR1 = CR1_ENABLE | CR1_RECEIVE | CR1_TRANSMIT;
}

void md_uart_put(uint8_t byte) {
    while ((ISR & ISR_ROOM) == 0u) {
    }
    TDR = byte;
}

bool md_uart_ready(void) {
    return (ISR & ISR_RECEIVED) != 0u;
}

uint8_t md_uart_get(void) {
    while (!md_uart_ready()) {
    }
    return (uint8_t)RDR;
}
