#include "text.h"

#include "system.h"

/* The four functions that a C compiler may call by itself, libc or not. */

void *memcpy(void *to, const void *from, size_t size)
{
    void *start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    return start;
}

void *memmove(void *to, const void *from, size_t size)
{
    unsigned char *target = to;
    const unsigned char *source = from;
    if (target <= source || target >= source + size)
        return memcpy(to, from, size);
    while (size--)
        target[size] = source[size];
    return to;
}

void *memset(void *to, int value, size_t size)
{
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
    return start;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const unsigned char *left = a, *right = b;
    for (size_t i = 0; i < size; i++)
        if (left[i] != right[i])
            return left[i] - right[i];
    return 0;
}

size_t text_length(const char *text)
{
    size_t length = 0;
    while (text[length])
        length++;
    return length;
}

int text_starts_with(const char *text, const char *prefix)
{
    while (*prefix)
        if (*text++ != *prefix++)
            return 0;
    return 1;
}

int join(char *out, const char *a, const char *b, const char *c)
{
    const char *parts[] = {a, b, c};
    size_t length = 0;
    for (int i = 0; i < 3; i++) {
        size_t part = text_length(parts[i]);
        if (length + part >= PATH_SIZE)
            return 0;
        memmove(out + length, parts[i], part); /* `out` may be its own first part */
        length += part;
    }
    out[length] = 0;
    return 1;
}

static void print(const char *text) { write_bytes(2, text, text_length(text)); }

_Noreturn void fail(int code, const char *cause, const char *detail, const char *fix)
{
    print("error: ");
    print(cause);
    print(detail);
    print("\n  fix: ");
    print(fix);
    print("\n");
    exit_process(code);
}
