#include "base/messages.h"

#include "base/strings.h"
#include "platform/syscalls.h"

static void print(const char *string) { sys_write(2, string, string_length(string)); }

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
