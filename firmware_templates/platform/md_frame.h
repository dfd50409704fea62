/* md_frame.h: frames on a serial line, on which bytes may be lost, changed, or come unasked.
 *
 * A frame is md_frame_header_t, a payload, and the CRC-32 (md_crc.h) of both, all little-endian. It
 * is sent by COBS (Cheshire and Baker, "Consistent Overhead Byte Stuffing", 1999): without zeros,
 * and with a zero before and behind it. So whatever came before, the next frame is found again. */
#ifndef MD_FRAME_H
#define MD_FRAME_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint32_t session;
    uint32_t sequence;
    uint32_t type;
} md_frame_header_t;

enum {
    MD_FRAME_RECEIVED = 512, /* bytes of payload that a frame to the target can have */
    MD_FRAME_HEADER = 12,
    MD_FRAME_CRC = 4,
};

/* What is being received. All zeros at first. */
typedef struct {
    uint32_t used; /* of `data` */
    uint32_t left; /* bytes before the next code of COBS */
    bool ends;     /* a zero belongs before that code, if it is not the frame's end */
    bool damaged;
    uint8_t data[MD_FRAME_HEADER + MD_FRAME_RECEIVED + MD_FRAME_CRC];
} md_frame_receiver_t;

/* Takes a byte from the line. Returns whether it completed an undamaged frame. Then `header` is the
 * frame's, and its payload are `bytes` bytes of `data` behind the header, until the next byte. */
bool md_frame_take(md_frame_receiver_t *receiver, uint8_t byte, md_frame_header_t *header,
                   uint32_t *bytes);

/* Sends a frame by `put`. The payload is in two parts. */
void md_frame_send(const md_frame_header_t *header, const void *first, uint32_t first_bytes,
                   const void *second, uint32_t second_bytes, void (*put)(uint8_t byte));

#endif
