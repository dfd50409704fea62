// md_tflm_log.cc: what TFLite Micro prints. The last line is kept for the report of a failure; see
// md_tflm.h.
#include "md_tflm_log.h"

#include "md_tflm.h"

#include <cstdint>
#include <cstdlib>

namespace {

class Text {
  public:
    Text(char *buffer, size_t bytes) : buffer_(buffer), bytes_(bytes) {
    }

    void put(char character) {
        if (length_ + 1 < bytes_) {
            buffer_[length_] = character;
        }
        length_++;
    }

    void put(const char *string) {
        for (const char *at = string != nullptr ? string : "(null)"; *at != '\0'; at++) {
            put(*at);
        }
    }

    void put(uint64_t number, uint32_t base) {
        char digits[20];
        size_t count = 0;
        do {
            digits[count++] = "0123456789abcdef"[number % base];
            number /= base;
        } while (number > 0);
        while (count > 0) {
            put(digits[--count]);
        }
    }

    void put(int64_t number) {
        if (number < 0) {
            put('-');
        }
        put(number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number), 10);
    }

    void put(double number) {
        const bool negative = number < 0;
        const double size = negative ? -number : number;
        if (!(size < 1e15)) { // also what is no number
            put("(large)");
            return;
        }
        const auto hundredths = static_cast<uint64_t>(size * 100 + 0.5);
        if (negative) {
            put('-');
        }
        put(hundredths / 100, 10);
        put('.');
        put(static_cast<char>('0' + hundredths / 10 % 10));
        put(static_cast<char>('0' + hundredths % 10));
    }

    int end() {
        if (bytes_ > 0) {
            buffer_[length_ < bytes_ ? length_ : bytes_ - 1] = '\0';
        }
        return static_cast<int>(length_);
    }

  private:
    char *buffer_;
    size_t bytes_;
    size_t length_ = 0;
};

// A va_list in a struct can be passed on by reference whatever its type is.
struct Arguments {
    va_list list;
};

int64_t take_signed(Arguments &arguments, int longs) {
    if (longs == 0) {
        return va_arg(arguments.list, int);
    }
    return longs == 1 ? va_arg(arguments.list, long) : va_arg(arguments.list, long long);
}

uint64_t take_unsigned(Arguments &arguments, int longs) {
    if (longs == 0) {
        return va_arg(arguments.list, unsigned);
    }
    return longs == 1 ? va_arg(arguments.list, unsigned long)
                      : va_arg(arguments.list, unsigned long long);
}

// Writes what a conversion stands for. Returns whether it is one.
bool convert(Text &text, char conversion, int longs, Arguments &arguments) {
    switch (conversion) {
    case 's':
        text.put(va_arg(arguments.list, const char *));
        return true;
    case 'c':
        text.put(static_cast<char>(va_arg(arguments.list, int)));
        return true;
    case 'd':
    case 'i':
        text.put(take_signed(arguments, longs));
        return true;
    case 'u':
        text.put(take_unsigned(arguments, longs), 10);
        return true;
    case 'x':
    case 'X':
        text.put(take_unsigned(arguments, longs), 16);
        return true;
    case 'p':
        text.put("0x");
        text.put(reinterpret_cast<uintptr_t>(va_arg(arguments.list, void *)), 16);
        return true;
    case 'f':
    case 'g':
    case 'e':
        text.put(va_arg(arguments.list, double));
        return true;
    case '%':
        text.put('%');
        return true;
    default:
        return false;
    }
}

bool is_flag(char character) {
    return (character >= '0' && character <= '9') || character == '.' || character == '-' ||
           character == '+' || character == ' ' || character == '#';
}

constexpr size_t kLine = 200;
char line[kLine + 1];
size_t used; // of `line`
bool ended;  // the next character begins a line

void keep(char character) {
    if (character == '\n' || character == '\r') {
        ended = true;
        return;
    }
    if (ended) {
        used = 0;
        ended = false;
    }
    if (used < kLine) {
        line[used++] = character;
        line[used] = '\0';
    }
}

} // namespace

int md_tflm_format(char *buffer, size_t bytes, const char *format, va_list arguments) {
    Text text(buffer, bytes);
    Arguments taken;
    va_copy(taken.list, arguments);
    bool known = true; // after an unknown conversion the arguments cannot be told apart
    for (const char *at = format; *at != '\0'; at++) {
        if (*at != '%' || !known) {
            text.put(*at);
            continue;
        }
        int longs = 0;
        at++;
        while (is_flag(*at)) {
            at++;
        }
        for (; *at == 'l' || *at == 'z'; at++) {
            longs++;
        }
        known = convert(text, *at, longs, taken);
        if (!known) {
            text.put('%');
            at--;
        }
    }
    va_end(taken.list);
    return text.end();
}

// The two functions that TFLite Micro leaves to a platform.
extern "C" void DebugLog(const char *format, va_list args);
extern "C" int DebugVsnprintf(char *buffer, size_t buf_size, const char *format, va_list vlist);

extern "C" void DebugLog(const char *format, va_list args) {
    char text[kLine + 1];
    md_tflm_format(text, sizeof text, format, args);
    for (const char *at = text; *at != '\0'; at++) {
        keep(*at);
    }
}

extern "C" int DebugVsnprintf(char *buffer, size_t buf_size, const char *format, va_list vlist) {
    return md_tflm_format(buffer, buf_size, format, vlist);
}

// What newlib calls where an assertion fails. Its own would bring printf and an allocator.
extern "C" [[noreturn]] void __assert_func(const char *file, int at, const char *,
                                           const char *what) {
    Text text(line, sizeof line);
    text.put(file);
    text.put(':');
    text.put(static_cast<int64_t>(at));
    text.put(": ");
    text.put(what);
    text.end();
    abort();
}

extern "C" const char *md_tflm_log(void) {
    return line;
}
