/* How a process starts and calls the kernel on Linux x86-64, and what the launcher knows of this processor.
 *
 * Conventions: System V ABI, AMD64 supplement, section 3.4.1 (process start) and appendix A.2 (system calls).
 */
#ifndef X86_64_MACHINE_H
#define X86_64_MACHINE_H

#include <asm/unistd.h>
#include <elf.h>
#include <stddef.h>
#include <stdint.h>

enum { ELF_ARCH = EM_X86_64 };

/* Copy `size` bytes upwards. */
static inline void copy_bytes(void *to, const void *from, size_t size)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

static inline void fill_bytes(void *to, int value, size_t size)
{
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
}

/* The entry point of the process, for one file of the program. It calls launcher_main with the address of the initial
 * stack: argc, argv[], NULL, envp[], NULL, auxv[].
 */
#define PROCESS_START \
    __asm__(".globl _start\n" \
            ".type _start, @function\n" \
            "_start:\n" \
            "  xor %ebp, %ebp\n" \
            "  mov %rsp, %rdi\n" \
            "  and $-16, %rsp\n" \
            "  call launcher_main\n" \
            "  ud2\n");

/* Enter another program as the kernel does: on its initial stack, and with no function to call at exit (rdx). */
static inline _Noreturn void enter_program(uintptr_t entry, void *stack)
{
    __asm__ volatile("mov %1, %%rsp\n"
                     "xor %%edx, %%edx\n"
                     "xor %%ebp, %%ebp\n"
                     "jmp *%0\n"
                     :
                     : "r"(entry), "r"(stack)
                     : "rdx", "memory");
    __builtin_unreachable();
}

/* Call clone(2). The new thread calls `run` on its own stack, and may not use libc. When it has ended, the kernel
 * writes 0 to `*alive` and wakes the threads that wait there by futex(2).
 */
static inline long start_thread(long flags, void *stack_end, int *alive, void (*run)(void))
{
    long result;
    register int *fourth __asm__("r10") = alive;
    register void (*function)(void) __asm__("r12") = run;
    __asm__ volatile("syscall\n"
                     "test %%rax, %%rax\n"
                     "jnz 1f\n"
                     "xor %%ebp, %%ebp\n"
                     "call *%%r12\n"
                     "mov %[exit], %%eax\n"
                     "xor %%edi, %%edi\n"
                     "syscall\n"
                     "1:"
                     : "=a"(result)
                     : "a"(__NR_clone), "D"(flags), "S"(stack_end), "d"(alive), "r"(fourth),
                       "r"(function), [exit] "i"(__NR_exit)
                     : "rcx", "r11", "memory");
    return result;
}

/* Call the kernel; return the result, or minus errno. */
static inline long syscall6(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    register long fourth __asm__("r10") = d;
    register long fifth __asm__("r8") = e;
    register long sixth __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "rcx", "r11", "memory");
    return result;
}

#endif
