/* The virtual root: the archive of the bundle as a read-only folder ROOT that is on no disk.
 *
 * The launcher preloads this library. Its functions replace those of libc that take a path, or a descriptor that may
 * belong to a file below ROOT. Calls for files outside ROOT are passed on unchanged.
 *
 * Two things differ from a disk. read(2) from the descriptor of a folder returns no bytes, where it should fail with
 * EISDIR. Programs that call the kernel without libc, such as those written in Go, do not see ROOT.
 *
 * One function is replaced for another reason: peer.c keeps a client of a Unix socket from ending the process.
 *
 *     path.c        from a path to an entry of the archive     change.c   everything that writes: refused
 *     descriptor.c  entries as open files, and back            link.c     readlink, realpath
 *     open.c        open, fopen                                library.c  dlopen
 *     status.c      stat, access, statfs, xattr                program.c  exec, posix_spawn
 *     folder.c      opendir, scandir, glob                     start.c    what happens before main
 *     working_folder.c  chdir, getcwd                          peer.c     accept4
 */
#ifndef VFS_H
#define VFS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "contract.h"
#include "start/launcher_interface.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define ROOT VIRTUAL_ROOT
#define ROOT_NAME (ROOT + 1)
#define ROOT_NAME_LENGTH (sizeof ROOT - 2)

/* Marks the functions that replace libc's; all others are hidden. */
#define EXPORT __attribute__((visibility("default")))

/* libc's own function of that name. */
#define NEXT(name) \
    (__extension__({ \
        static void *next; \
        if (!next) \
            next = dlsym(RTLD_NEXT, #name); \
        (__typeof__(&name))next; \
    }))

/* Set errno and return -1. */
static inline int fail_with(int error)
{
    errno = error;
    return -1;
}

/* --- start.c --- */

extern const struct launcher_interface *launcher; /* NULL if the program runs from a folder: then there is no ROOT */

/* --- path.c --- */

/* The kind of the last part of a path, as in Linux' fs/namei.c. */
enum last_type { LAST_NORM, LAST_DOT, LAST_DOTDOT, LAST_ROOT };

/* What a path leads to. */
struct resolved_path {
    const struct entry *entry; /* if inside; NULL if there is nothing, and then `error` has the reason */
    int error;
    int has_parent; /* whether the folder exists in which the entry is, or would be */
    enum last_type last;
    int has_trailing_slash;

    int dirfd; /* if outside: with `path`, the arguments to pass to libc */
    const char *path;
    char buffer[PATH_MAX]; /* for a path that had to be rewritten */
};

/* How to treat a symbolic link at the end of a path. NO_FOLLOW follows it only if a slash comes after it, FOLLOW
 * always, NEVER_FOLLOW never.
 */
enum { NO_FOLLOW, FOLLOW, NEVER_FOLLOW };

/* Return the working folder if it is inside; else NULL. */
const struct entry *working_folder(void);
void set_working_folder(const struct entry *folder);

/* Resolve `path`, relative to `dirfd` as for openat(2). Return whether it leads inside ROOT. */
int resolve_inside(int dirfd, const char *path, int follow, struct resolved_path *resolved);

/* Write the canonical path of an entry; return its length, or -1 with errno if it does not fit. */
int write_path(const struct entry *entry, char *path, size_t size);

/* --- descriptor.c --- */

/* Return the entry of a descriptor; NULL if the descriptor belongs to another file. */
const struct entry *entry_of(int fd);

/* Return the entry that `status`, the status of a descriptor, belongs to; NULL if it belongs to another file. */
const struct entry *entry_of_status(const struct stat *status);

/* Return a new descriptor, with `flags` as for open(2); -1 with errno on failure. */
int open_entry(const struct entry *entry, int flags);

/* Return the descriptor of a memory file that is kept open for a while; -1 with errno on failure. The caller may use it
 * in a path, but not read from it or close it.
 */
int get_cached_fd(const struct entry *entry);

/* Write "/proc/self/fd/<descriptor>". */
enum { FD_PATH_SIZE = 32 };
void write_fd_path(int fd, char path[FD_PATH_SIZE]);

/* Make sure that the lock of descriptor.c is free after a fork. */
void register_fork_handlers(void);

/* --- status.c --- */

void fill_stat(const struct entry *entry, struct stat *status);

/* --- library.c --- */

/* Give the loader the true names of the libraries that the launcher preloaded. */
void name_preloaded_libraries(void);

#endif
