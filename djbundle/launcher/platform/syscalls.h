/* The system calls that the launcher makes, without libc.
 *
 * sys_NAME is the call NAME, with the arguments of section 2 of the Linux manual. It returns what the kernel returns: a
 * result, or minus errno.
 */
#ifndef SYSCALLS_H
#define SYSCALLS_H

#include "platform/machine.h"

#include <asm/errno.h>
#include <asm/stat.h>
#include <asm/signal.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <linux/time.h>
#include <stddef.h>
#include <stdint.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U /* Linux 6.3; headers may be older than the kernel */
#define MFD_EXEC 0x10U
#endif

#ifndef S_IFMT /* <linux/stat.h> leaves these to glibc; inode(7) */
#define S_IFMT 0170000
#define S_IFDIR 0040000
#define S_IFLNK 0120000
#define S_ISVTX 01000
#define S_IWGRP 020
#define S_IWOTH 02
#endif

struct linux_dirent64 { /* no header has it; getdents64(2) */
    uint64_t d_ino;
    int64_t d_off;
    uint16_t d_reclen;
    uint8_t d_type;
    char d_name[];
};

#define SYSCALL4(number, a, b, c, d) syscall6(number, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

/* --- Files --- */

static inline int sys_openat(int dirfd, const char *path, int flags, unsigned mode)
{
    return (int)SYSCALL4(__NR_openat, dirfd, path, flags, mode);
}
static inline int sys_close(int fd) { return (int)SYSCALL4(__NR_close, fd, 0, 0, 0); }
static inline long sys_write(int fd, const void *buffer, size_t count)
{
    return SYSCALL4(__NR_write, fd, buffer, count, 0);
}
static inline long sys_pread64(int fd, void *buffer, size_t count, int64_t offset)
{
    return SYSCALL4(__NR_pread64, fd, buffer, count, offset);
}
static inline long sys_pwrite64(int fd, const void *buffer, size_t count, int64_t offset)
{
    return SYSCALL4(__NR_pwrite64, fd, buffer, count, offset);
}
static inline int sys_fstat(int fd, struct stat *status) { return (int)SYSCALL4(__NR_fstat, fd, status, 0, 0); }
static inline int sys_utimensat(int dirfd, const char *path, const struct timespec times[2], int flags)
{
    return (int)SYSCALL4(__NR_utimensat, dirfd, path, times, flags);
}
static inline int sys_mkdirat(int dirfd, const char *path, unsigned mode)
{
    return (int)SYSCALL4(__NR_mkdirat, dirfd, path, mode, 0);
}
static inline int sys_symlinkat(const char *target, int dirfd, const char *path)
{
    return (int)SYSCALL4(__NR_symlinkat, target, dirfd, path, 0);
}
static inline int sys_renameat(int old_dirfd, const char *old_path, int new_dirfd, const char *new_path)
{
    return (int)SYSCALL4(__NR_renameat, old_dirfd, old_path, new_dirfd, new_path);
}
static inline int sys_unlinkat(int dirfd, const char *path, int flags)
{
    return (int)SYSCALL4(__NR_unlinkat, dirfd, path, flags, 0);
}
static inline long sys_getdents64(int fd, void *buffer, size_t count)
{
    return SYSCALL4(__NR_getdents64, fd, buffer, count, 0);
}
static inline long sys_readlinkat(int dirfd, const char *path, char *buffer, size_t size)
{
    return SYSCALL4(__NR_readlinkat, dirfd, path, buffer, size);
}
static inline int sys_flock(int fd, int operation) { return (int)SYSCALL4(__NR_flock, fd, operation, 0, 0); }
static inline int sys_syncfs(int fd) { return (int)SYSCALL4(__NR_syncfs, fd, 0, 0, 0); }
static inline int sys_memfd_create(const char *name, unsigned flags)
{
    return (int)SYSCALL4(__NR_memfd_create, name, flags, 0, 0);
}
static inline int sys_fcntl(int fd, int command, unsigned long argument)
{
    return (int)SYSCALL4(__NR_fcntl, fd, command, argument, 0);
}

/* --- Memory --- */

static inline long sys_mmap(void *address, size_t length, int protection, int flags, int fd, uint64_t offset)
{
    return syscall6(__NR_mmap, (long)address, (long)length, protection, flags, fd, (long)offset);
}
static inline int sys_munmap(const void *address, size_t length)
{
    return (int)SYSCALL4(__NR_munmap, address, length, 0, 0);
}
static inline int sys_mprotect(void *address, size_t length, int protection)
{
    return (int)SYSCALL4(__NR_mprotect, address, length, protection, 0);
}
static inline int sys_madvise(void *address, size_t length, int advice)
{
    return (int)SYSCALL4(__NR_madvise, address, length, advice, 0);
}

/* --- Processes and threads --- */

static inline unsigned sys_geteuid(void) { return (unsigned)SYSCALL4(__NR_geteuid, 0, 0, 0, 0); }
static inline int sys_prctl(int operation, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
    return (int)syscall6(__NR_prctl, operation, (long)a, (long)b, (long)c, (long)d, 0);
}
static inline int sys_execve(const char *path, char **arguments, char **environment)
{
    return (int)SYSCALL4(__NR_execve, path, arguments, environment, 0);
}
static inline _Noreturn void sys_exit_group(int status)
{
    for (;;) /* it does not return, which the compiler cannot know */
        SYSCALL4(__NR_exit_group, status, 0, 0, 0);
}
static inline long sys_futex(int *word, int operation, int value, const struct timespec *timeout)
{
    return SYSCALL4(__NR_futex, word, operation, value, timeout);
}
/* Returns the number of bytes of the mask that the kernel has written, unlike libc's function. */
static inline long sys_sched_getaffinity(int thread, size_t size, void *mask)
{
    return SYSCALL4(__NR_sched_getaffinity, thread, size, mask, 0);
}
static inline int sys_sched_setaffinity(int thread, size_t size, const void *mask)
{
    return (int)SYSCALL4(__NR_sched_setaffinity, thread, size, mask, 0);
}
static inline int sys_getcpu(unsigned *cpu, unsigned *node) { return (int)SYSCALL4(__NR_getcpu, cpu, node, NULL, 0); }
/* `size` is that of a set in bytes. The kernel accepts only 8, for its 64 signals. */
static inline int sys_rt_sigprocmask(int how, const uint64_t *set, uint64_t *old_set, size_t size)
{
    return (int)SYSCALL4(__NR_rt_sigprocmask, how, set, old_set, size);
}

/* --- More than one call --- */

/* Call sys_mmap; return NULL if the kernel refuses. */
static inline void *mmap_or_null(void *address, size_t length, int protection, int flags, int fd, uint64_t offset)
{
    enum { MAX_ERRNO = 4095 }; /* as in Linux' linux/err.h: no address is so close to the end */
    long result = sys_mmap(address, length, protection, flags, fd, offset);
    return result < 0 && result >= -MAX_ERRNO ? NULL : (void *)result;
}

/* Map zeroed memory that is private to this process; return NULL if the kernel refuses. */
static inline void *map_anonymous(size_t length)
{
    return mmap_or_null(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Wait until `*word` is no longer `value`. */
static inline void futex_wait_while(int *word, int value)
{
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value)
        sys_futex(word, FUTEX_WAIT, value, NULL);
}

/* Wait for another thread of this process to wake those that wait for this word; 10 ms at most. */
static inline void futex_wait_once(void *word, uint32_t value)
{
    const struct timespec timeout = {0, 10000000};
    sys_futex(word, FUTEX_WAIT_PRIVATE, (int)value, &timeout);
}

static inline void futex_wake_all(void *word) { sys_futex(word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL); }

#endif
