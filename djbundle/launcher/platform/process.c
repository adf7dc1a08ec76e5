#include "platform/process.h"

#include "base/text.h"

size_t count_texts(char **texts)
{
    size_t count = 0;
    while (texts[count])
        count++;
    return count;
}

static size_t count_vector(const Elf64_auxv_t *vector)
{
    size_t count = 0;
    while (vector[count].a_type != AT_NULL)
        count++;
    return count;
}

struct process read_stack(long *stack)
{
    struct process process = {.argc = (int)stack[0], .argv = (char **)(stack + 1)};
    process.environment = process.argv + process.argc + 1;
    process.vector = (Elf64_auxv_t *)(process.environment + count_texts(process.environment) + 1);
    return process;
}

unsigned long fact(const struct process *process, unsigned long type)
{
    for (const Elf64_auxv_t *each = process->vector; each->a_type != AT_NULL; each++)
        if (each->a_type == type)
            return each->a_un.a_val;
    return 0;
}

const char *variable(char **environment, const char *name_and_equals)
{
    for (; *environment; environment++)
        if (text_starts_with(*environment, name_and_equals)) {
            const char *value = *environment + text_length(name_and_equals);
            return *value ? value : NULL;
        }
    return NULL;
}

size_t stack_size(const struct process *process)
{
    size_t pointers = 1 + (size_t)process->argc + 1 + count_texts(process->environment) + 1;
    return pointers * sizeof(char *) + (count_vector(process->vector) + 1) * sizeof(Elf64_auxv_t);
}

void write_stack(const struct process *process, void *to)
{
    char **words = to;
    size_t variables = count_texts(process->environment);
    *words++ = (char *)(long)process->argc;
    memcpy(words, process->argv, ((size_t)process->argc + 1) * sizeof *words);
    words += process->argc + 1;
    memcpy(words, process->environment, (variables + 1) * sizeof *words);
    words += variables + 1;
    memcpy(words, process->vector, (count_vector(process->vector) + 1) * sizeof *process->vector);
}
