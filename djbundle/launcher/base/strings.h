/* Strings without libc: compare them, and build paths in buffers of a fixed size. */
#ifndef STRINGS_H
#define STRINGS_H

#include <stddef.h>

enum {
    PATH_SIZE = 4096, /* PATH_MAX of <linux/limits.h> */
    NUMBER_SIZE = 10, /* digits of the largest unsigned */
};

void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);

size_t string_length(const char *string);
int string_equals(const char *string, const char *other);
int string_starts_with(const char *string, const char *prefix);

/* Write at the end of a string and return its new end, for the next call. The caller makes sure that there is room. */
char *append(char *end, const char *string);
char *append_number(char *end, unsigned number);

/* Join up to three parts into `out`; return 0 if they do not fit in PATH_SIZE. Parts may be "". */
int join_strings(char *out, const char *a, const char *b, const char *c);

#endif
