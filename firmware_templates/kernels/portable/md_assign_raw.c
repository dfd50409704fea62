/* Portable implementation of md_assign_raw.h. Needs no core extension. */
#include "md_assign_raw.h"

#include <string.h>

void md_assign_raw(const md_assign_raw_t *p, const void *value, void *target) {
    memcpy(target, value, p->bytes);
}
