/* The system calls that the launcher makes, without libc.
 *
 * Each returns what the kernel returns: a result, or minus errno. See section 2 of the Linux manual pages.
 */
#ifndef SYSTEM_H
#define SYSTEM_H

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
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include "platform/system_x86_64.h"
#else
#error "the launcher is written for x86-64; add a system_<machine>.h for another one"
#endif

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U /* Linux 6.3; headers may be older than the kernel */
#define MFD_EXEC 0x10U
#endif

#define PAGE 4096UL

/* Bits of a file's mode; inode(7). */
enum {
    MODE_TYPE = 0170000,
    MODE_FOLDER = 0040000,
    MODE_LINK = 0120000,
    MODE_STICKY = 01000,
    MODE_WRITABLE_BY_OTHERS = 022,
};

struct directory_entry { /* struct linux_dirent64 of getdents64(2) */
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

struct moment { /* struct timespec of a 64-bit kernel */
    int64_t seconds;
    int64_t nanoseconds;
};

#define CALL4(number, a, b, c, d) system_call(number, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

static inline int open_at(int folder, const char *path, int flags, int mode)
{
    return (int)CALL4(__NR_openat, folder, path, flags, mode);
}
static inline int close_file(int fd) { return (int)CALL4(__NR_close, fd, 0, 0, 0); }
static inline long write_bytes(int fd, const void *bytes, size_t size) { return CALL4(__NR_write, fd, bytes, size, 0); }
static inline long read_at(int fd, void *to, size_t size, uint64_t offset)
{
    return CALL4(__NR_pread64, fd, to, size, offset);
}
static inline long write_at(int fd, const void *bytes, size_t size, uint64_t offset)
{
    return CALL4(__NR_pwrite64, fd, bytes, size, offset);
}
static inline int status_of(int fd, struct stat *status) { return (int)CALL4(__NR_fstat, fd, status, 0, 0); }
static inline int set_size(int fd, uint64_t size) { return (int)CALL4(__NR_ftruncate, fd, size, 0, 0); }
static inline int set_times(int fd, const struct moment times[2])
{
    return (int)CALL4(__NR_utimensat, fd, NULL, times, 0);
}
static inline int make_folder_at(int folder, const char *path, int mode)
{
    return (int)CALL4(__NR_mkdirat, folder, path, mode, 0);
}
static inline int make_link_at(const char *target, int folder, const char *path)
{
    return (int)CALL4(__NR_symlinkat, target, folder, path, 0);
}
static inline int rename_at(int folder, const char *from, const char *to)
{
    return (int)CALL4(__NR_renameat, folder, from, folder, to);
}
static inline int unlink_at(int folder, const char *path, int flags)
{
    return (int)CALL4(__NR_unlinkat, folder, path, flags, 0);
}
static inline long read_folder(int fd, void *buffer, size_t size)
{
    return CALL4(__NR_getdents64, fd, buffer, size, 0);
}
/* With the path "", read the link that `folder` itself is. */
static inline long read_link_at(int folder, const char *path, char *buffer, size_t size)
{
    return CALL4(__NR_readlinkat, folder, path, buffer, size);
}
static inline int lock_file(int fd, int how) { return (int)CALL4(__NR_flock, fd, how, 0, 0); }
static inline int flush_file_system(int fd) { return (int)CALL4(__NR_syncfs, fd, 0, 0, 0); }
static inline int create_memory_file(const char *name, unsigned flags)
{
    return (int)CALL4(__NR_memfd_create, name, flags, 0, 0);
}
static inline int seal_file(int fd, unsigned seals) { return (int)CALL4(__NR_fcntl, fd, F_ADD_SEALS, seals, 0); }
static inline unsigned user_id(void) { return (unsigned)CALL4(__NR_geteuid, 0, 0, 0, 0); }
/* Let other processes of this user inspect this one, as they can any other process; PR_SET_DUMPABLE of prctl(2). */
static inline void be_open_to_own_user(void) { CALL4(__NR_prctl, PR_SET_DUMPABLE, 1, 0, 0); }
static inline int execute(const char *path, char **arguments, char **environment)
{
    return (int)CALL4(__NR_execve, path, arguments, environment, 0);
}
/* Wait until `*word` is no longer `value`; futex(2). */
static inline void wait_while(int *word, int value)
{
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value)
        system_call(__NR_futex, (long)word, FUTEX_WAIT, value, 0, 0, 0);
}
static inline void yield(void) { CALL4(__NR_sched_yield, 0, 0, 0, 0); }
/* Block every signal, or set the mask back to `*old`; 64 signals are 8 bytes. */
static inline void block_signals(uint64_t *old)
{
    static const uint64_t ALL = ~0ULL;
    CALL4(__NR_rt_sigprocmask, SIG_SETMASK, &ALL, old, sizeof ALL);
}
static inline void unblock_signals(const uint64_t *old)
{
    CALL4(__NR_rt_sigprocmask, SIG_SETMASK, old, NULL, sizeof *old);
}
/* Write the CPUs that this process may use to `set`, one bit each; return the number of bytes written. */
static inline long usable_cpus(void *set, size_t size) { return CALL4(__NR_sched_getaffinity, 0, size, set, 0); }
/* Let a thread run on the CPUs of `set` only; 0 is the calling thread. */
static inline void use_cpus(int thread, const void *set, size_t size)
{
    CALL4(__NR_sched_setaffinity, thread, size, set, 0);
}
static inline unsigned current_cpu(void)
{
    unsigned cpu = 0;
    CALL4(__NR_getcpu, &cpu, NULL, NULL, 0);
    return cpu;
}
static inline _Noreturn void exit_process(int code)
{
    for (;;)
        CALL4(__NR_exit_group, code, 0, 0, 0);
}

/* Call mmap(2); return NULL if the kernel refuses. Offsets are multiples of PAGE. */
static inline void *map_at(void *address, size_t size, int protection, int flags, int fd, uint64_t offset)
{
    long result = system_call(__NR_mmap, (long)address, (long)size, protection, flags, fd, (long)offset);
    return result < 0 && result > -(long)PAGE ? NULL : (void *)result;
}
/* Map zeroed memory that is private to this process. */
static inline void *map_memory(size_t size)
{
    return map_at(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static inline void unmap(const void *address, size_t size) { CALL4(__NR_munmap, address, size, 0, 0); }
static inline int protect(void *address, size_t size, int protection)
{
    return (int)CALL4(__NR_mprotect, address, size, protection, 0);
}
static inline int advise(void *address, size_t size, int advice)
{
    return (int)CALL4(__NR_madvise, address, size, advice, 0);
}

#endif
