/* A process as the kernel starts it: the content of its initial stack (create_elf_tables of Linux' fs/binfmt_elf.c). */
#ifndef PROCESS_H
#define PROCESS_H

#include <elf.h>
#include <stddef.h>

struct process {
    int argc;
    char **argv; /* ends with NULL, as environment does */
    char **environment;
    Elf64_auxv_t *auxv; /* the auxiliary vector, ends with AT_NULL */
};

/* Find the parts of the initial stack. `stack` is its lowest address. */
struct process read_initial_stack(long *stack);

/* Return the value of an entry of the auxiliary vector, such as AT_SECURE; 0 if there is none. */
unsigned long get_auxv_value(const struct process *process, unsigned long type);

/* Return the value of the environment variable passed as "NAME="; NULL if it is unset or empty. */
const char *get_variable(char **environment, const char *name_and_equals);

size_t count_strings(char **strings);

/* Return the number of bytes that write_initial_stack needs. */
size_t initial_stack_size(const struct process *process);

/* Write an initial stack to `to`, which is aligned to 16 bytes. It points to the strings of `process`. */
void write_initial_stack(const struct process *process, void *to);

#endif
