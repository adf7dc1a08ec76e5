#include "base/strings.h"
#include "platform/machine.h"

/* The four functions that a C compiler may call by itself, with or without libc. */

void *memcpy(void *to, const void *from, size_t size)
{
    copy_bytes(to, from, size);
    return to;
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
    fill_bytes(to, value, size);
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const unsigned char *left = a, *right = b;
    for (size_t i = 0; i < size; i++)
        if (left[i] != right[i])
            return left[i] - right[i];
    return 0;
}
