/* check.h: the little that the C unit tests need. */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

static int failures;

/* Compares two integers; says where and what if they differ. */
#define CHECK_EQUAL(got, wanted) check_equal(__FILE__, __LINE__, #got, (got), (wanted))

static inline void check_equal(const char *file, int line, const char *what, int64_t got,
                               int64_t wanted) {
    if (got != wanted) {
        printf("%s:%d: %s is %" PRId64 " instead of %" PRId64 "\n", file, line, what, got, wanted);
        failures++;
    }
}

#endif
