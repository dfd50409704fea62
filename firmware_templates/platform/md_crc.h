/* md_crc.h: CRC-32 as zlib's (reflected polynomial 0xEDB88320). */
#ifndef MD_CRC_H
#define MD_CRC_H

#include <stdint.h>

#define MD_CRC_START 0xFFFFFFFFu

/* `crc` with `bytes` of data more. What began with MD_CRC_START is complemented at the end. */
uint32_t md_crc_update(uint32_t crc, const void *data, uint32_t bytes);

#endif
