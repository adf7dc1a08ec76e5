/* A process as the kernel starts it: what lies on its first stack (System V ABI, AMD64 supplement, section 3.4.1). */
#ifndef PROCESS_H
#define PROCESS_H

#include <elf.h>
#include <stddef.h>

struct process {
    int argc;
    char **argv;          /* ends with NULL, as environment does */
    char **environment;
    Elf64_auxv_t *vector; /* the auxiliary vector, ends with AT_NULL */
};

/* Find the parts of the stack that a program begins with. */
struct process read_stack(long *stack);

/* The value of an entry of the auxiliary vector, AT_SECURE and the like; 0 when there is none. */
unsigned long fact(const struct process *process, unsigned long type);

/* The value of an environment variable, "NAME=" given; NULL when it is unset or empty. */
const char *variable(char **environment, const char *name_and_equals);

size_t count_texts(char **texts);

/* Bytes that write_stack needs. */
size_t stack_size(const struct process *process);

/* Write a first stack to `to`, which is aligned to 16 bytes. The texts themselves stay where they are. */
void write_stack(const struct process *process, void *to);

#endif
