#include "md_records.h"

#include "md_crc.h"
#include "md_exchange.h"
#include "md_platform.h"

#include <stddef.h>
#include <string.h>

/* One call out of the simulator for many small records; large payloads go out directly. */
enum { BUFFER_BYTES = 1024 };

static int file = -1;

static struct {
    uint32_t records;
    uint32_t crc;
    uint32_t used;
    uint8_t buffer[BUFFER_BYTES];
} out;

static void write_out(const void *data, uint32_t bytes) {
    if (!md_file_write(file, data, bytes)) {
        md_exit(MD_EXIT_WRITE_FAILED);
    }
}

static void flush(void) {
    write_out(out.buffer, out.used);
    out.used = 0;
}

static void put(const void *data, uint32_t bytes) {
    if (bytes == 0) {
        return;
    }
    out.crc = md_crc_update(out.crc, data, bytes);
    if (bytes > BUFFER_BYTES - out.used) {
        flush();
    }
    if (bytes >= BUFFER_BYTES) {
        write_out(data, bytes);
    } else {
        memcpy(out.buffer + out.used, data, bytes);
        out.used += bytes;
    }
}

static void put_record_header(uint32_t type, uint32_t id, uint32_t run, uint32_t aux,
                              uint32_t bytes) {
    const md_record_header_t header = {type, id, run, aux, bytes};
    put(&header, sizeof header);
}

static void close_file(void) {
    flush();
    if (!md_file_close(file)) {
        md_exit(MD_EXIT_WRITE_FAILED);
    }
    file = -1;
}

void md_records_open(void) {
    static const md_records_header_t header = {MD_RECORDS_MAGIC, MD_EXCHANGE_VERSION};
    file = md_file_open_write(MD_RECORDS_FILE);
    if (file < 0) {
        md_exit(MD_EXIT_WRITE_FAILED);
    }
    out.crc = MD_CRC_START;
    put(&header, sizeof header);
}

void md_record(uint32_t type, uint32_t id, uint32_t run, uint32_t aux, const void *payload,
               uint32_t bytes) {
    static const uint8_t zeros[3] = {0};
    put_record_header(type, id, run, aux, bytes);
    put(payload, bytes);
    put(zeros, (0u - bytes) & 3u);
    out.records++;
}

void md_records_end(uint32_t runs) {
    md_end_t end = {runs, out.records, md_stack_bytes(), md_stack_used(), 0};
    put_record_header(MD_RECORD_END, 0, runs, 0, sizeof end);
    put(&end, offsetof(md_end_t, crc));
    end.crc = ~out.crc;
    put(&end.crc, sizeof end.crc);
    close_file();
}

void md_records_abandon(void) {
    if (file >= 0) {
        close_file();
    }
}
