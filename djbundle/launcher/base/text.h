/* Strings: build a path in a fixed buffer, compare, and print notes and errors. */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>

enum {
    PATH_SIZE = 4096, /* PATH_MAX of <linux/limits.h> */
    NUMBER_SIZE = 10, /* digits of the largest unsigned */
};

void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);

size_t string_length(const char *text);
int string_equals(const char *text, const char *other);
int string_starts_with(const char *text, const char *prefix);

/* Write at the end of a text and return its new end, for the next call. The caller makes sure that there is room. */
char *append(char *end, const char *text);
char *append_number(char *end, unsigned number);

/* Join up to three parts into `out`; return 0 if they do not fit in PATH_SIZE. Parts may be "". */
int join_strings(char *out, const char *a, const char *b, const char *c);

/* Print "note: <text><detail>" on stderr. */
void note(const char *text, const char *detail);

/* Print "error: <cause><detail>" and "  fix: <fix>" on stderr and end the process. */
_Noreturn void fail(int code, const char *cause, const char *detail, const char *fix);

/* The exit codes of the launcher; djbundle/errors.py keeps 60-69 free for them. */
enum {
    EXIT_TRUNCATED = 60, /* no footer, or the file is shorter than its footer says */
    EXIT_DAMAGED = 61,   /* a checksum does not match */
    EXIT_NO_FOLDER = 62, /* no folder to unpack to, where the bundle must be unpacked */
    EXIT_WRITE = 63,     /* disk full, or another error while unpacking */
    EXIT_NO_PROC = 64,   /* /proc is not mounted */
    EXIT_START = 65,     /* the kernel refuses memory, or to start the program */
};

#endif
