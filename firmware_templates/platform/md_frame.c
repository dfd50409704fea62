#include "md_frame.h"

#include "md_crc.h"

#include <string.h>

enum { LONGEST_RUN = 254 }; /* bytes other than zero that a code can announce */

static void store(md_frame_receiver_t *receiver, uint8_t byte) {
    if (receiver->used == sizeof receiver->data) {
        receiver->damaged = true;
        return;
    }
    receiver->data[receiver->used++] = byte;
}

/* Ends what is being received. Returns whether it was a frame. */
static bool complete(md_frame_receiver_t *receiver, uint32_t *bytes) {
    const uint32_t used = receiver->used;
    const bool whole = !receiver->damaged && receiver->left == 0u;
    receiver->used = 0;
    receiver->left = 0;
    receiver->ends = false;
    receiver->damaged = false;
    if (!whole || used < MD_FRAME_HEADER + MD_FRAME_CRC) {
        return false;
    }
    uint32_t crc;
    memcpy(&crc, receiver->data + used - MD_FRAME_CRC, sizeof crc);
    *bytes = used - MD_FRAME_HEADER - MD_FRAME_CRC;
    return ~md_crc_update(MD_CRC_START, receiver->data, used - MD_FRAME_CRC) == crc;
}

bool md_frame_take(md_frame_receiver_t *receiver, uint8_t byte, md_frame_header_t *header,
                   uint32_t *bytes) {
    if (byte == 0u) {
        if (!complete(receiver, bytes)) {
            return false;
        }
        memcpy(header, receiver->data, sizeof *header);
        return true;
    }
    if (receiver->left > 0u) {
        receiver->left--;
        store(receiver, byte);
    } else {
        if (receiver->ends) {
            store(receiver, 0);
        }
        receiver->left = byte - 1u;
        receiver->ends = byte <= LONGEST_RUN;
    }
    return false;
}

/* What is being sent: bytes since the last zero. */
static struct {
    void (*put)(uint8_t byte);
    uint32_t used;
    uint8_t run[LONGEST_RUN];
} out;

static void send_run(void) {
    out.put((uint8_t)(out.used + 1u));
    for (uint32_t i = 0; i < out.used; i++) {
        out.put(out.run[i]);
    }
    out.used = 0;
}

static void stuff(const void *data, uint32_t bytes) {
    const uint8_t *const from = data;
    for (uint32_t i = 0; i < bytes; i++) {
        if (from[i] == 0u) {
            send_run();
            continue;
        }
        out.run[out.used++] = from[i];
        if (out.used == LONGEST_RUN) {
            send_run();
        }
    }
}

void md_frame_send(const md_frame_header_t *header, const void *first, uint32_t first_bytes,
                   const void *second, uint32_t second_bytes, void (*put)(uint8_t byte)) {
    uint32_t crc = md_crc_update(MD_CRC_START, header, sizeof *header);
    crc = md_crc_update(crc, first, first_bytes);
    crc = ~md_crc_update(crc, second, second_bytes);
    out.put = put;
    out.used = 0;
    put(0);
    stuff(header, sizeof *header);
    stuff(first, first_bytes);
    stuff(second, second_bytes);
    stuff(&crc, sizeof crc);
    send_run();
    put(0);
}
