/* The virtual root: the archive of the bundle as a read-only folder ROOT that is on no disk.
 *
 * This library is preloaded by the launcher and stands in front of libc's functions that take a path, or a descriptor
 * that may be of a file below ROOT. What lies outside of ROOT is handed on untouched.
 *
 * Not as on a disk: read(2) from the descriptor of a folder finds no bytes, where it should fail with EISDIR. And who
 * calls the kernel without libc, as programs written in Go do, sees nothing of ROOT.
 *
 *     path.c        from a path to an entry of the archive     change.c   everything that writes: refused
 *     descriptor.c  entries as open files, and back            link.c     readlink, realpath
 *     open.c        open, fopen                                library.c  dlopen
 *     status.c      stat, access, statfs, xattr                program.c  exec, posix_spawn
 *     folder.c      opendir, scandir, glob                     start.c    what happens before main
 *     working_folder.c  chdir, getcwd
 */
#ifndef VFS_H
#define VFS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "start/handover.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define ROOT "/djb"
#define ROOT_NAME (ROOT + 1)
#define ROOT_NAME_LENGTH (sizeof ROOT - 2)

/* The functions that stand in front of libc's; all else is hidden. */
#define EXPORT __attribute__((visibility("default")))

/* libc's own function of that name. */
#define NEXT(name) \
    (__extension__({ \
        static void *next; \
        if (!next) \
            next = dlsym(RTLD_NEXT, #name); \
        (__typeof__(&name))next; \
    }))

/* Set errno; -1, to be returned. */
static inline int failed(int error)
{
    errno = error;
    return -1;
}

/* --- start.c --- */

extern const struct handover *handover; /* NULL where the program runs from a folder: then there is no ROOT */

/* --- path.c --- */

/* What the last part of a path is: see enum last_type of Linux' fs/namei.c. */
enum last { LAST_NAME, LAST_DOT, LAST_DOT_DOT, LAST_ROOT };

/* Where a path leads. */
struct place {
    const struct entry *entry; /* inside; NULL for nothing there, with the reason in error */
    int error;
    int has_parent; /* the folder is there in which it lies or would lie */
    enum last last;
    int has_slash; /* at its end */

    int folder; /* outside: what to give to libc in place of the arguments */
    const char *path;
    char buffer[PATH_MAX]; /* of a path that had to be written anew */
};

/* A symbolic link at the end of the path: NO_FOLLOW follows it when a slash stands behind it, STAY not even then. */
enum { NO_FOLLOW, FOLLOW, STAY };

/* The working folder, when it is inside; else NULL. */
const struct entry *working_folder(void);
void set_working_folder(const struct entry *folder);

/* Find where `path`, relative to the descriptor `folder` as for openat(2), leads; whether that is inside. */
int is_inside(int folder, const char *path, int follow, struct place *place);

/* The canonical path of an entry; its length, or -1 with errno when it does not fit. */
int write_path(const struct entry *entry, char *path, size_t size);

/* --- descriptor.c --- */

/* The entry behind a descriptor; NULL for a descriptor of anything else. */
const struct entry *entry_of(int descriptor);

/* Whether `status`, from a descriptor, is that of an entry. */
const struct entry *entry_of_status(const struct stat *status);

/* A new descriptor; `flags` as for open(2). -1 with errno. */
int open_entry(const struct entry *entry, int flags);

/* The descriptor of a memory file that is kept for a while; to be looked at only. -1 with errno. */
int keep_entry(const struct entry *entry);

/* "/proc/self/fd/<descriptor>" */
enum { DESCRIPTOR_PATH_SIZE = 32 };
void write_descriptor_path(int descriptor, char path[DESCRIPTOR_PATH_SIZE]);

/* Let a fork find the lock of this file free. */
void register_fork_handlers(void);

/* --- status.c --- */

void describe_entry(const struct entry *entry, struct stat *status);

/* --- library.c --- */

/* Tell the loader the true names of the libraries that the launcher preloaded. */
void name_preloaded_libraries(void);

#endif
