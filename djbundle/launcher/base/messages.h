/* What the launcher says on stderr. The codes that it exits with are in contract.h. */
#ifndef MESSAGES_H
#define MESSAGES_H

#include "contract.h"

/* Print "note: <text><detail>" on stderr. */
void note(const char *text, const char *detail);

/* Print "error: <cause><detail>" and "  fix: <fix>" on stderr and end the process with `code`, an EXIT_... of contract.h. */
_Noreturn void fail(int code, const char *cause, const char *detail, const char *fix);

#endif
