/* serial.c: files and exit over a UART, for machines without semihosting. See md_serial.h. */
#include "md_serial.h"

#include "md_cortex_m.h"
#include "md_crc.h"
#include "md_exchange.h"
#include "md_frame.h"
#include "md_platform.h"
#include "md_uart.h"

#include <stddef.h>
#include <string.h>

#define AIRCR_RESET 0x05FA0004u

/* From the linker script; only their addresses mean something. */
extern const uint8_t md_ld_text_start[], md_ld_text_end[];
extern const uint8_t md_ld_model_start[], md_ld_model_end[];

enum { INPUTS, RECORDS, FILES };

typedef struct {
    uint32_t type;
    const void *words; /* the payload's beginning */
    uint32_t word_bytes;
    const void *data; /* and the rest of it */
    uint32_t bytes;
} question_t;

static struct {
    bool open;
    uint32_t session;
    uint32_t sequence; /* of the next question */
    uint32_t position[FILES];
    md_frame_receiver_t in;
} line;

static void say(const question_t *question) {
    const md_frame_header_t header = {line.session, line.sequence, question->type};
    md_frame_send(&header, question->words, question->word_bytes, question->data, question->bytes,
                  md_uart_put);
}

static _Noreturn void restart(void) {
    __asm__ volatile("dsb" ::: "memory");
    MD_SCB_AIRCR = AIRCR_RESET;
    for (;;) {
    }
}

/* Waits for a frame that concerns more than the line itself. Returns the bytes of its payload. */
static uint32_t hear(const question_t *question, md_frame_header_t *header) {
    for (;;) {
        uint32_t bytes;
        if (!md_frame_take(&line.in, md_uart_get(), header, &bytes)) {
            continue;
        }
        if (header->type == MD_SERIAL_POLL) {
            say(question);
        } else if (header->type != MD_SERIAL_RESTART) {
            return bytes;
        } else if (line.session != 0u && header->session == line.session) {
            restart();
        }
    }
}

/* What comes before a question is asked is no answer to it. */
static void forget_what_came(void) {
    while (md_uart_ready()) {
        (void)md_uart_get();
    }
    line.in = (md_frame_receiver_t){0};
}

/* Asks until the answer comes. Returns the bytes of its payload, which starts at answer(). */
static uint32_t ask(const question_t *question) {
    md_frame_header_t header;
    uint32_t bytes;
    forget_what_came();
    say(question);
    do {
        bytes = hear(question, &header);
    } while (header.sequence != line.sequence || header.type != question->type + MD_SERIAL_ANSWER ||
             (header.session != line.session && question->type != MD_SERIAL_HELLO));
    line.session = header.session;
    line.sequence++;
    return bytes;
}

static const uint8_t *answer(void) {
    return line.in.data + MD_FRAME_HEADER;
}

static uint32_t image(void) {
    uint32_t crc = MD_CRC_START;
    crc = md_crc_update(crc, md_ld_text_start, (uint32_t)(md_ld_text_end - md_ld_text_start));
    crc = md_crc_update(crc, md_ld_model_start, (uint32_t)(md_ld_model_end - md_ld_model_start));
    return ~crc;
}

static void open_line(void) {
    if (!line.open) {
        const uint32_t words[2] = {MD_SERIAL_VERSION, image()};
        line.open = true;
        md_uart_init();
        (void)ask(&(question_t){MD_SERIAL_HELLO, words, sizeof words, NULL, 0});
    }
}

static int open_file(int file) {
    open_line();
    line.position[file] = 0;
    return file;
}

/* The names are those of the two files that there are. */
int md_file_open_read(const char *name) {
    return strcmp(name, MD_INPUTS_FILE) == 0 ? open_file(INPUTS) : -1;
}

int md_file_open_write(const char *name) {
    return strcmp(name, MD_RECORDS_FILE) == 0 ? open_file(RECORDS) : -1;
}

uint32_t md_file_read(int file, void *data, uint32_t bytes) {
    uint8_t *const to = data;
    uint32_t done = 0;
    while (done < bytes) {
        const uint32_t left = bytes - done;
        const uint32_t wanted = left < MD_FRAME_RECEIVED ? left : MD_FRAME_RECEIVED;
        const uint32_t words[2] = {line.position[file], wanted};
        const uint32_t got = ask(&(question_t){MD_SERIAL_READ, words, sizeof words, NULL, 0});
        if (got == 0u || got > wanted) {
            break;
        }
        memcpy(to + done, answer(), got);
        line.position[file] += got;
        done += got;
    }
    return done;
}

bool md_file_write(int file, const void *data, uint32_t bytes) {
    const uint8_t *const from = data;
    uint32_t done = 0;
    while (done < bytes) {
        const uint32_t left = bytes - done;
        const uint32_t now = left < MD_SERIAL_WRITE_BYTES ? left : MD_SERIAL_WRITE_BYTES;
        const uint32_t word = line.position[file];
        uint32_t written = 0;
        if (ask(&(question_t){MD_SERIAL_WRITE, &word, sizeof word, from + done, now}) ==
            sizeof written) {
            memcpy(&written, answer(), sizeof written);
        }
        if (written != 1u) {
            return false;
        }
        line.position[file] += now;
        done += now;
    }
    return true;
}

/* Every byte that was written has been acknowledged. */
bool md_file_close(int file) {
    (void)file;
    return true;
}

/* Says so until another session asks for a restart. */
_Noreturn void md_exit(int code) {
    const uint32_t word = (uint32_t)code;
    const question_t question = {MD_SERIAL_EXIT, &word, sizeof word, NULL, 0};
    md_frame_header_t header;
    open_line();
    forget_what_came();
    say(&question);
    for (;;) {
        (void)hear(&question, &header);
    }
}
