/* What the launcher says on stderr, and the codes that it exits with. */
#ifndef MESSAGES_H
#define MESSAGES_H

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
