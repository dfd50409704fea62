/* md_serial.h: what host and target say to each other over a UART. This comment is its definition.
 *
 * Frames are those of md_frame.h. The target asks, the host answers, one question at a time. Only
 * the host has a clock: it sends POLL when it has heard nothing for a while, or something damaged,
 * and the target says its last question again. A question that is heard twice is answered twice in
 * the same way: nothing is read or written twice.
 *
 *     question  payload                                answer    payload
 *     HELLO     u32 MD_SERIAL_VERSION, u32 image       WELCOME   none
 *     READ      u32 offset, u32 bytes                  DATA      bytes of inputs.bin from there;
 *                                                                fewer only at its end
 *     WRITE     u32 offset, then bytes of records.bin  WRITTEN   u32: 1, or 0 if it cannot be
 *     EXIT      u32 exit code                          none: the host has closed the line
 *
 * An answer has the question's sequence number, which starts with 0 for HELLO and grows by 1. The
 * session is 0 in HELLO; WELCOME brings another, which all else carries. So a target that was reset
 * is known by its HELLO, and whatever is left over from another session is not taken.
 *
 * `image` is the CRC-32 of the ELF's sections .text and .model as they are in the target's memory:
 * whether this is the firmware that the host thinks it is.
 *
 * To a target of another session the host says RESTART with that session, and it resets itself. */
#ifndef MD_SERIAL_H
#define MD_SERIAL_H

#define MD_SERIAL_VERSION 1u

enum {
    MD_SERIAL_HELLO = 1,
    MD_SERIAL_READ = 2,
    MD_SERIAL_WRITE = 3,
    MD_SERIAL_EXIT = 4,
    MD_SERIAL_ANSWER = 0x80, /* added to the question */
    MD_SERIAL_POLL = 0xC0,
    MD_SERIAL_RESTART = 0xC1,
};

/* Bytes of records.bin in a WRITE, at most. */
enum { MD_SERIAL_WRITE_BYTES = 1024 };

#endif
