/* Runs uart_stm32.c on memory where the board has its registers, and tells what it left there. */
#define _GNU_SOURCE
#include "md_uart.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

static volatile uint32_t *at(uintptr_t address) {
    return (volatile uint32_t *)address;
}

static int map(uintptr_t page) {
    void *const wanted = (void *)page;
    return mmap(wanted, 4096, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == wanted;
}

int main(void) {
    if (!map(0x40011000u) || !map(0x40020000u) || !map(0x40023000u)) {
        return 77; /* something else lies there */
    }
    *at(0x40020000u) = 0xA8000000u; /* what the ports have after reset */
    *at(0x40020400u) = 0x00000280u;
    *at(0x40020024u) = 0xFFFFFFFFu;
    md_uart_init();
    const uintptr_t told[] = {0x40023830u, 0x40023844u, 0x40020000u, 0x40020024u, 0x40020400u,
                              0x40020420u, 0x40011000u, 0x40011004u, 0x40011008u, 0x4001100Cu};
    for (unsigned i = 0; i < sizeof told / sizeof told[0]; i++) {
        printf("%08lX %08lX\n", (unsigned long)told[i], (unsigned long)*at(told[i]));
    }
    *at(0x4001101Cu) = 0x80u; /* ISR: room, and nothing received */
    md_uart_put(0x5A);
    printf("sent %02lX, ready %d\n", (unsigned long)*at(0x40011028u), md_uart_ready());
    *at(0x4001101Cu) = 0x20u;
    *at(0x40011024u) = 0x1A5u;
    printf("ready %d, got %02X\n", md_uart_ready(), md_uart_get());
    return 0;
}
