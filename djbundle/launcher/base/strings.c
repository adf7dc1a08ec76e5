#include "base/strings.h"

size_t string_length(const char *string)
{
    size_t length = 0;
    while (string[length])
        length++;
    return length;
}

int string_equals(const char *string, const char *other)
{
    return string_starts_with(string, other) && string_length(string) == string_length(other);
}

int string_starts_with(const char *string, const char *prefix)
{
    while (*prefix)
        if (*string++ != *prefix++)
            return 0;
    return 1;
}

char *append(char *end, const char *string)
{
    while (*string)
        *end++ = *string++;
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
