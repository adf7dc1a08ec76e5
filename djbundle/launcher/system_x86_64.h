/* The machine: how a process starts and how it calls the kernel, on Linux x86-64.
 *
 * This is the only file that knows the architecture. Conventions: System V ABI, AMD64 supplement, section 3.4.1
 * (process start) and appendix A.2 (system calls). Numbers: <asm/unistd_64.h>.
 */
#ifndef SYSTEM_X86_64_H
#define SYSTEM_X86_64_H

#include <asm/unistd.h>

/* Where the process starts, to be placed in one file of the program. The stack at entry is argc, argv[], NULL,
 * envp[], NULL, auxv[]; hand its address to launcher_main.
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

/* Up to four arguments; the result, or minus errno. */
static inline long system_call(long number, long a, long b, long c, long d)
{
    long result;
    register long fourth __asm__("r10") = d;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                     : "rcx", "r11", "memory");
    return result;
}

/* mmap alone takes six arguments. */
static inline long system_call_mmap(long length, long protection, long flags, long fd)
{
    long result;
    register long r10 __asm__("r10") = flags;
    register long r8 __asm__("r8") = fd;
    register long r9 __asm__("r9") = 0;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(__NR_mmap), "D"(0L), "S"(length), "d"(protection), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#endif
