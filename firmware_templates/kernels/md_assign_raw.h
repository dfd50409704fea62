/* md_assign_raw.h: READ_VARIABLE and ASSIGN_VARIABLE: values of any type, copied. */
#ifndef MD_ASSIGN_RAW_H
#define MD_ASSIGN_RAW_H

#include <stdint.h>

typedef struct {
    uint32_t bytes; /* of the value */
} md_assign_raw_t;

/* The value and where it goes to; they must not overlap. */
void md_assign_raw(const md_assign_raw_t *p, const void *value, void *target);

#endif
