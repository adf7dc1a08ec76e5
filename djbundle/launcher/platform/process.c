#include "platform/process.h"

#include "base/strings.h"

size_t count_strings(char **strings)
{
    size_t count = 0;
    while (strings[count])
        count++;
    return count;
}

static size_t count_auxv(const Elf64_auxv_t *auxv)
{
    size_t count = 0;
    while (auxv[count].a_type != AT_NULL)
        count++;
    return count;
}

struct process read_initial_stack(long *stack)
{
    struct process process = {.argc = (int)stack[0], .argv = (char **)(stack + 1)};
    process.environment = process.argv + process.argc + 1;
    process.auxv = (Elf64_auxv_t *)(process.environment + count_strings(process.environment) + 1);
    return process;
}

unsigned long get_auxv_value(const struct process *process, unsigned long type)
{
    for (const Elf64_auxv_t *each = process->auxv; each->a_type != AT_NULL; each++)
        if (each->a_type == type)
            return each->a_un.a_val;
    return 0;
}

const char *get_variable(char **environment, const char *name_and_equals)
{
    for (; *environment; environment++)
        if (string_starts_with(*environment, name_and_equals)) {
            const char *value = *environment + string_length(name_and_equals);
            return *value ? value : NULL;
        }
    return NULL;
}

size_t initial_stack_size(const struct process *process)
{
    size_t pointers = 1 + (size_t)process->argc + 1 + count_strings(process->environment) + 1;
    return pointers * sizeof(char *) + (count_auxv(process->auxv) + 1) * sizeof(Elf64_auxv_t);
}

void write_initial_stack(const struct process *process, void *to)
{
    char **words = to;
    size_t variables = count_strings(process->environment);
    *words++ = (char *)(long)process->argc;
    memcpy(words, process->argv, ((size_t)process->argc + 1) * sizeof *words);
    words += process->argc + 1;
    memcpy(words, process->environment, (variables + 1) * sizeof *words);
    words += variables + 1;
    memcpy(words, process->auxv, (count_auxv(process->auxv) + 1) * sizeof *process->auxv);
}
