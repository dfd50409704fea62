/* md_records.h: writing records.bin. A write that fails ends the program (MD_EXIT_WRITE_FAILED). */
#ifndef MD_RECORDS_H
#define MD_RECORDS_H

#include <stdint.h>

void md_records_open(void);

/* Appends a record. `payload` may be NULL where `bytes` is 0. */
void md_record(uint32_t type, uint32_t id, uint32_t run, uint32_t aux, const void *payload,
               uint32_t bytes);

/* Appends END after `runs` runs and closes the file. */
void md_records_end(uint32_t runs);

/* Writes out what is buffered and closes the file, without END. */
void md_records_abandon(void);

#endif
