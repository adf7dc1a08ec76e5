/* The kernel's calls that the launcher makes, by their usual names. There is no libc here.
 *
 * Each returns what the kernel returns: a result, or minus errno. Meanings: section 2 of the Linux manual pages.
 */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <asm/errno.h>
#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include "system_x86_64.h"
#else
#error "the launcher is written for x86-64; add a system_<machine>.h for another one"
#endif


struct directory_entry { /* struct linux_dirent64 of getdents64(2) */
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

static inline long open_at(int folder, const char *path, int flags, int mode)
{
    return system_call(__NR_openat, folder, (long)path, flags, mode);
}
static inline long close_file(int fd) { return system_call(__NR_close, fd, 0, 0, 0); }
static inline long write_bytes(int fd, const void *bytes, size_t size)
{
    return system_call(__NR_write, fd, (long)bytes, (long)size, 0);
}
static inline long status_of(int fd, struct stat *status)
{
    return system_call(__NR_fstat, fd, (long)status, 0, 0);
}
static inline long make_folder_at(int folder, const char *path, int mode)
{
    return system_call(__NR_mkdirat, folder, (long)path, mode, 0);
}
static inline long make_link_at(const char *target, int folder, const char *path)
{
    return system_call(__NR_symlinkat, (long)target, folder, (long)path, 0);
}
static inline long rename_at(int folder, const char *from, const char *to)
{
    return system_call(__NR_renameat, folder, (long)from, folder, (long)to);
}
static inline long unlink_at(int folder, const char *path, int flags)
{
    return system_call(__NR_unlinkat, folder, (long)path, flags, 0);
}
static inline long read_folder(int fd, void *buffer, size_t size)
{
    return system_call(__NR_getdents64, fd, (long)buffer, (long)size, 0);
}
static inline long read_link(const char *path, char *buffer, size_t size)
{
    return system_call(__NR_readlink, (long)path, (long)buffer, (long)size, 0);
}
static inline long lock_file(int fd, int how) { return system_call(__NR_flock, fd, how, 0, 0); }
static inline long flush_file_system(int fd) { return system_call(__NR_syncfs, fd, 0, 0, 0); }
static inline long user_id(void) { return system_call(__NR_geteuid, 0, 0, 0, 0); }
static inline long execute(const char *path, char **arguments, char **environment)
{
    return system_call(__NR_execve, (long)path, (long)arguments, (long)environment, 0);
}
static inline _Noreturn void exit_process(int code)
{
    for (;;)
        system_call(__NR_exit_group, code, 0, 0, 0);
}

/* Memory from the kernel: the whole of a file to read (fd >= 0), or zeroed room (fd == -1). NULL when refused. */
static inline void *map_memory(size_t size, int fd)
{
    long protection = fd < 0 ? PROT_READ | PROT_WRITE : PROT_READ;
    long address = system_call_mmap((long)size, protection, MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd);
    return address < 0 && address > -4096 ? NULL : (void *)address;
}

#endif
