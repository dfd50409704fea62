/* md_uart.h: a UART, polled: 8 bits, no parity, 1 stop bit. Implemented by a uart_*.c. What comes
 * while nobody looks may be lost. */
#ifndef MD_UART_H
#define MD_UART_H

#include <stdbool.h>
#include <stdint.h>

void md_uart_init(void);

/* Waits until there is room. */
void md_uart_put(uint8_t byte);

/* Whether a byte has come. */
bool md_uart_ready(void);

/* Waits for a byte. */
uint8_t md_uart_get(void);

#endif
