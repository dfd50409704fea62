// Formats by md_tflm_format and by the C library, and keeps lines as TFLite Micro prints them.
#include "md_tflm.h"
#include "md_tflm_log.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" void DebugLog(const char *format, va_list args);

static int failures;

static int ours(char *buffer, size_t bytes, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = md_tflm_format(buffer, bytes, format, arguments);
    va_end(arguments);
    return length;
}

static void print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    DebugLog(format, arguments);
    va_end(arguments);
}

static void expect(const char *what, const char *found, const char *wanted) {
    if (std::strcmp(found, wanted) != 0) {
        std::printf("%s: '%s' where '%s' is expected\n", what, found, wanted);
        failures++;
    }
}

#define SAME(bytes, ...)                                                                           \
    do {                                                                                           \
        char found[bytes], wanted[bytes];                                                          \
        const int length = ours(found, sizeof found, __VA_ARGS__);                                 \
        if (length != std::snprintf(wanted, sizeof wanted, __VA_ARGS__)) {                         \
            std::printf("%d characters of '%s'\n", length, wanted);                                \
            failures++;                                                                            \
        }                                                                                          \
        expect("formatted", found, wanted);                                                        \
    } while (0)

[[noreturn]] void md_app_tflm_failed(md_tflm_failure_t, uint32_t, const char *) {
    std::exit(2);
}

int main() {
    SAME(100, "Node %s (number %u) failed to prepare with status %d", "CONV_2D", 7u, -1);
    SAME(100, "%i%% of %c, %x and %ld, %lu, %lld, %zu", 50, 'q', 0xBEEFu, -5L, 6UL, -7000000000LL,
         sizeof(int));
    SAME(100, "%d %d %u", -2147483647 - 1, 2147483647, 4294967295u);
    SAME(100, "%.2f %.2f %.2f", 1.005, -0.25, 123456.75);
    SAME(100, "nothing");

    char text[40];
    if (ours(text, 8, "cut off: %d", 123456) != 15 || ours(nullptr, 0, "%s", "all of it") != 9) {
        std::printf("the length of what was cut off\n");
        failures++;
    }
    expect("cut off", text, "cut off");
    ours(text, sizeof text, "%s", static_cast<const char *>(nullptr));
    expect("no string", text, "(null)");
    ours(text, sizeof text, "%q %d", 1);
    expect("an unknown conversion", text, "%q %d");
    ours(text, sizeof text, "a%");
    expect("an unfinished conversion", text, "a%");
    ours(text, sizeof text, "%f %f", 1e300, -0.0 / 1.0);
    expect("a large number", text, "(large) 0.00");

    expect("no line", md_tflm_log(), "");
    print("Didn't find op for builtin opcode '%s'", "ABS");
    print("\r\n");
    expect("a line", md_tflm_log(), "Didn't find op for builtin opcode 'ABS'");
    print("Failed to get ");
    print("registration %d\r\n", 3);
    expect("a line in pieces", md_tflm_log(), "Failed to get registration 3");
    for (int i = 0; i < 100; i++) {
        print("very long ");
    }
    if (std::strlen(md_tflm_log()) != 200) {
        std::printf("a line of %zu characters\n", std::strlen(md_tflm_log()));
        failures++;
    }
    return failures > 0;
}
