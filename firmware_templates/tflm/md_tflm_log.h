/* md_tflm_log.h: printf for a line of a log, without the C library's, which would bring an allocator. */
#ifndef MD_TFLM_LOG_H
#define MD_TFLM_LOG_H

#include <cstdarg>
#include <cstddef>

/* Formats as vsnprintf, as far as TFLite Micro's messages need it: %s %c %d %i %u %x %p %%, with l, ll, z
 * and a width, which is ignored; %f, %g and %e with two decimals. Returns the length that the text has, or
 * would have in a larger buffer. */
int md_tflm_format(char *buffer, size_t bytes, const char *format, va_list arguments);

#endif
