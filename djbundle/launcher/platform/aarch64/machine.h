/* How a process starts and calls the kernel on Linux aarch64, and what the launcher knows of this processor.
 *
 * Conventions: Procedure Call Standard for the Arm 64-bit Architecture (AAPCS64), section 6; syscall(2) for the registers
 * of system calls; the kernel's ELF_PLAT_INIT, which clears all registers, for the process start.
 */
#ifndef AARCH64_MACHINE_H
#define AARCH64_MACHINE_H

#include <asm/unistd.h>
#include <elf.h>
#include <stddef.h>
#include <stdint.h>

enum { ELF_ARCH = EM_AARCH64 };

/* Copy `size` bytes upwards. Each step reads before it writes, so `to` may overlap `from` from below. */
static inline void copy_bytes(void *to, const void *from, size_t size)
{
    struct step {
        uint64_t words[4];
    } step;
    uint8_t *target = to;
    const uint8_t *source = from, *end = source + size;
    for (; (size_t)(end - source) >= sizeof step; source += sizeof step, target += sizeof step) {
        __builtin_memcpy(&step, source, sizeof step);
        __builtin_memcpy(target, &step, sizeof step);
    }
    while (source < end)
        *target++ = *source++;
}

static inline void fill_bytes(void *to, int value, size_t size)
{
    const uint64_t word = 0x0101010101010101 * (uint8_t)value;
    uint8_t *target = to, *end = target + size;
    for (; (size_t)(end - target) >= sizeof word; target += sizeof word)
        __builtin_memcpy(target, &word, sizeof word);
    while (target < end)
        *target++ = (uint8_t)value;
}

/* The entry point of the process, for one file of the program. It calls launcher_main with the address of the initial
 * stack: argc, argv[], NULL, envp[], NULL, auxv[].
 */
#define PROCESS_START \
    __asm__(".globl _start\n" \
            ".type _start, @function\n" \
            "_start:\n" \
            "  mov x29, xzr\n" \
            "  mov x30, xzr\n" \
            "  mov x0, sp\n" \
            "  bl launcher_main\n" \
            "  brk #1\n");

/* Enter another program as the kernel does: on its initial stack, and with no function to call at exit (x0). */
static inline _Noreturn void enter_program(uintptr_t entry, void *stack)
{
    register uintptr_t to __asm__("x16") = entry; /* a program with branch protection accepts jumps by x16 */
    register void *on __asm__("x17") = stack;
    __asm__ volatile("mov sp, %1\n"
                     "mov x0, xzr\n"
                     "mov x29, xzr\n"
                     "mov x30, xzr\n"
                     "br %0\n"
                     :
                     : "r"(to), "r"(on)
                     : "x0", "x30", "memory");
    __builtin_unreachable();
}

/* Call clone(2). The new thread calls `run` on its own stack, and may not use libc. When it has ended, the kernel
 * writes 0 to `*alive` and wakes the threads that wait there by futex(2).
 */
static inline long start_thread(long flags, void *stack_end, int *alive, void (*run)(void))
{
    register long number __asm__("x8") = __NR_clone;
    register long result __asm__("x0") = flags;
    register void *second __asm__("x1") = stack_end;
    register long third __asm__("x2") = 0; /* the place for the parent's copy of the number */
    register long fourth __asm__("x3") = 0; /* thread-local storage */
    register int *fifth __asm__("x4") = alive;
    register void (*function)(void) __asm__("x16") = run;
    __asm__ volatile("svc #0\n"
                     "cbnz x0, 1f\n"
                     "mov x29, xzr\n"
                     "blr %[run]\n"
                     "mov x0, xzr\n"
                     "mov x8, %[exit]\n"
                     "svc #0\n"
                     "1:"
                     : "+r"(result)
                     : "r"(number), "r"(second), "r"(third), "r"(fourth),
                       "r"(fifth), [run] "r"(function), [exit] "i"(__NR_exit)
                     : "memory");
    return result;
}

/* Call the kernel; return the result, or minus errno. */
static inline long syscall6(long number, long a, long b, long c, long d, long e, long f)
{
    register long call __asm__("x8") = number;
    register long result __asm__("x0") = a;
    register long second __asm__("x1") = b;
    register long third __asm__("x2") = c;
    register long fourth __asm__("x3") = d;
    register long fifth __asm__("x4") = e;
    register long sixth __asm__("x5") = f;
    __asm__ volatile("svc #0"
                     : "+r"(result)
                     : "r"(call), "r"(second), "r"(third), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "memory");
    return result;
}

#endif
