#include "base/text.h"

#include "platform/syscalls.h"

size_t string_length(const char *text)
{
    size_t length = 0;
    while (text[length])
        length++;
    return length;
}

int string_equals(const char *text, const char *other)
{
    return string_starts_with(text, other) && string_length(text) == string_length(other);
}

int string_starts_with(const char *text, const char *prefix)
{
    while (*prefix)
        if (*text++ != *prefix++)
            return 0;
    return 1;
}

char *append(char *end, const char *text)
{
    while (*text)
        *end++ = *text++;
    *end = 0;
    return end;
}

char *append_number(char *end, unsigned number)
{
    char digits[NUMBER_SIZE];
    int count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (count)
        *end++ = digits[--count];
    *end = 0;
    return end;
}

int join_strings(char *out, const char *a, const char *b, const char *c)
{
    const char *parts[] = {a, b, c};
    size_t length = 0;
    for (int i = 0; i < 3; i++) {
        size_t part = string_length(parts[i]);
        if (length + part >= PATH_SIZE)
            return 0;
        memmove(out + length, parts[i], part); /* `out` may be its own first part */
        length += part;
    }
    out[length] = 0;
    return 1;
}

static void print(const char *text) { sys_write(2, text, string_length(text)); }

void note(const char *text, const char *detail)
{
    print("note: ");
    print(text);
    print(detail);
    print("\n");
}

_Noreturn void fail(int code, const char *cause, const char *detail, const char *fix)
{
    print("error: ");
    print(cause);
    print(detail);
    print("\n  fix: ");
    print(fix);
    print("\n");
    sys_exit_group(code);
}
