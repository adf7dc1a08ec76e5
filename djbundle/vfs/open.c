#include "vfs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Open an entry as open(2) does, with the errors of a read-only file system. */
static int open_inside(const struct resolved_path *resolved, int flags)
{
    const struct entry *entry = resolved->entry;
    int is_writing = (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
    int is_named = resolved->last != LAST_DOT && resolved->last != LAST_DOTDOT;
    if (flags & O_CREAT && resolved->has_trailing_slash && resolved->has_parent && is_named)
        return fail_with(EISDIR);
    if (!entry)
        return fail_with(flags & O_CREAT && resolved->has_parent && resolved->error == ENOENT ? EROFS
                                                                                              : resolved->error);
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return fail_with(EEXIST);
    if (entry->kind == KIND_LINK)
        return fail_with(ELOOP);
    if (entry->kind == KIND_FOLDER) {
        if ((flags & O_TMPFILE) == O_TMPFILE)
            return fail_with(EROFS);
        if (is_writing || flags & O_CREAT)
            return fail_with(EISDIR);
    } else if (flags & O_DIRECTORY) {
        return fail_with(ENOTDIR);
    }
    return is_writing ? fail_with(EROFS) : open_entry(entry, flags);
}

static int is_reading(int flags) { return (flags & O_ACCMODE) == O_RDONLY && !(flags & (O_CREAT | O_TRUNC)); }

/* Return how to treat a link at the end of `path`. With O_CREAT, a name that ends with a slash is not looked up, since
 * open(2) cannot create a folder.
 */
static int follow_rule(const char *path, int flags)
{
    int is_exclusive = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    if (flags & O_CREAT && path && *path && path[strlen(path) - 1] == '/')
        return NEVER_FOLLOW;
    return flags & O_NOFOLLOW || is_exclusive ? NO_FOLLOW : FOLLOW;
}

static int open_path(int dirfd, const char *path, int flags, mode_t mode)
{
    struct resolved_path resolved;
    char buffer[PATH_MAX];
    if (resolve_inside(dirfd, path, follow_rule(path, flags), &resolved))
        return open_inside(&resolved, flags);
    if (launcher && is_reading(flags) && path && !strcmp(path, MAPS) && !is_child_of_vfork()) {
        int list = open_maps();
        if (list >= 0)
            return list;
    }
    if (!is_reading(flags) && prepare_for_writing(dirfd, path, flags))
        return -1;
    int fd = NEXT(openat64)(resolved.dirfd, resolved.path, flags, mode);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    if (flags & O_CREAT)
        return create_project_folders(dirfd, path) ? NEXT(openat64)(resolved.dirfd, resolved.path, flags, mode) : fd;
    const char *other = is_reading(flags) ? find_elsewhere(dirfd, path, follow_rule(path, flags), buffer) : NULL;
    return other ? open_path(AT_FDCWD, other, flags, mode) : fd;
}

/* The mode argument exists only if open(2) may create a file. */
#define MODE_ARGUMENT(flags, last) \
    (__extension__({ \
        mode_t mode = 0; \
        if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) { \
            va_list arguments; \
            va_start(arguments, last); \
            mode = va_arg(arguments, mode_t); \
            va_end(arguments); \
        } \
        mode; \
    }))

EXPORT int open64(const char *path, int flags, ...)
{
    return open_path(AT_FDCWD, path, flags, MODE_ARGUMENT(flags, flags));
}
EXPORT int openat64(int dirfd, const char *path, int flags, ...)
{
    return open_path(dirfd, path, flags, MODE_ARGUMENT(flags, flags));
}
EXPORT int open(const char *, int, ...) __attribute__((alias("open64")));
EXPORT int openat(int, const char *, int, ...) __attribute__((alias("openat64")));
EXPORT int creat64(const char *path, mode_t mode)
{
    return open_path(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
EXPORT int creat(const char *, mode_t) __attribute__((alias("creat64")));

/* The functions that code compiled with _FORTIFY_SOURCE calls. */
EXPORT int __open64_2(const char *path, int flags) { return open_path(AT_FDCWD, path, flags, 0); }
EXPORT int __open_2(const char *, int) __attribute__((alias("__open64_2")));
EXPORT int __openat64_2(int dirfd, const char *path, int flags) { return open_path(dirfd, path, flags, 0); }
EXPORT int __openat_2(int, const char *, int) __attribute__((alias("__openat64_2")));

static FILE *open_outside(const char *path, const char *mode, FILE *reuse)
{
    if (reuse)
        return NEXT(freopen64)(path, mode, reuse);
    FILE *stream = NEXT(fopen64)(path, mode);
    return stream || *mode == 'r' || !create_project_folders(AT_FDCWD, path) ? stream : NEXT(fopen64)(path, mode);
}

static FILE *open_stream(const char *path, const char *mode, FILE *reuse)
{
    struct resolved_path resolved;
    struct stat status;
    char fd_path[FD_PATH_SIZE], buffer[PATH_MAX];
    int flags = strchr(mode, '+') ? O_RDWR : *mode == 'r' ? O_RDONLY : O_WRONLY;
    flags |= (*mode == 'r' ? 0 : O_CREAT) | (strchr(mode, 'x') ? O_EXCL : 0);
    flags |= *mode == 'w' ? O_TRUNC : *mode == 'a' ? O_APPEND : 0;
    if (!resolve_inside(AT_FDCWD, path, follow_rule(path, flags), &resolved)) {
        const char *other = NULL;
        if (!is_reading(flags) && prepare_for_writing(AT_FDCWD, path, flags))
            return NULL;
        if (is_reading(flags) && NEXT(fstatat)(AT_FDCWD, resolved.path, &status, 0))
            other = find_elsewhere(AT_FDCWD, path, FOLLOW, buffer);
        return other ? open_stream(other, mode, reuse) : open_outside(resolved.path, mode, reuse);
    }
    int fd = open_inside(&resolved, flags | O_CLOEXEC);
    if (fd < 0) {
        if (reuse)
            fclose(reuse);
        return NULL;
    }
    write_fd_path(fd, fd_path);
    FILE *stream = reuse ? NEXT(freopen64)(fd_path, mode, reuse) : NEXT(fopen64)(fd_path, mode);
    close(fd);
    return stream;
}

EXPORT FILE *fopen64(const char *path, const char *mode) { return open_stream(path, mode, NULL); }
EXPORT FILE *fopen(const char *, const char *) __attribute__((alias("fopen64")));
EXPORT FILE *freopen64(const char *path, const char *mode, FILE *stream) { return open_stream(path, mode, stream); }
EXPORT FILE *freopen(const char *, const char *, FILE *) __attribute__((alias("freopen64")));
