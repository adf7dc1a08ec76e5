#include "vfs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Open an entry as open(2) does, with the errors of a read-only file system. */
static int open_inside(const struct place *place, int flags)
{
    const struct entry *entry = place->entry;
    int writes = (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
    int is_named = place->last != LAST_DOT && place->last != LAST_DOT_DOT;
    if (flags & O_CREAT && place->has_slash && place->has_parent && is_named)
        return failed(EISDIR);
    if (!entry)
        return failed(flags & O_CREAT && place->has_parent && place->error == ENOENT ? EROFS : place->error);
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return failed(EEXIST);
    if (entry->kind == KIND_LINK)
        return failed(ELOOP);
    if (entry->kind == KIND_FOLDER) {
        if ((flags & O_TMPFILE) == O_TMPFILE)
            return failed(EROFS);
        if (writes || flags & O_CREAT)
            return failed(EISDIR);
    } else if (flags & O_DIRECTORY) {
        return failed(ENOTDIR);
    }
    return writes ? failed(EROFS) : open_entry(entry, flags);
}

/* Return how to treat a link at the end of `path`. With O_CREAT, a name that ends with a slash is not looked up, since
 * open(2) cannot create a folder.
 */
static int follow_of(const char *path, int flags)
{
    int is_exclusive = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    if (flags & O_CREAT && path && *path && path[strlen(path) - 1] == '/')
        return STAY;
    return flags & O_NOFOLLOW || is_exclusive ? NO_FOLLOW : FOLLOW;
}

static int open_any(int folder, const char *path, int flags, mode_t mode)
{
    struct place place;
    if (is_inside(folder, path, follow_of(path, flags), &place))
        return open_inside(&place, flags);
    return NEXT(openat64)(place.folder, place.path, flags, mode);
}

/* The mode argument exists only if open(2) may create a file. */
#define MODE_OF(flags, last) \
    (__extension__({ \
        mode_t mode = 0; \
        if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) { \
            va_list more; \
            va_start(more, last); \
            mode = va_arg(more, mode_t); \
            va_end(more); \
        } \
        mode; \
    }))

EXPORT int open64(const char *path, int flags, ...) { return open_any(AT_FDCWD, path, flags, MODE_OF(flags, flags)); }
EXPORT int openat64(int folder, const char *path, int flags, ...)
{
    return open_any(folder, path, flags, MODE_OF(flags, flags));
}
EXPORT int open(const char *, int, ...) __attribute__((alias("open64")));
EXPORT int openat(int, const char *, int, ...) __attribute__((alias("openat64")));
EXPORT int creat64(const char *path, mode_t mode)
{
    return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
EXPORT int creat(const char *, mode_t) __attribute__((alias("creat64")));

/* The functions that code compiled with _FORTIFY_SOURCE calls. */
EXPORT int __open64_2(const char *path, int flags) { return open_any(AT_FDCWD, path, flags, 0); }
EXPORT int __open_2(const char *, int) __attribute__((alias("__open64_2")));
EXPORT int __openat64_2(int folder, const char *path, int flags) { return open_any(folder, path, flags, 0); }
EXPORT int __openat_2(int, const char *, int) __attribute__((alias("__openat64_2")));

static FILE *open_stream(const char *path, const char *mode, FILE *reuse)
{
    struct place place;
    char descriptor_path[DESCRIPTOR_PATH_SIZE];
    int flags = strchr(mode, '+') ? O_RDWR : *mode == 'r' ? O_RDONLY : O_WRONLY;
    flags |= (*mode == 'r' ? 0 : O_CREAT) | (strchr(mode, 'x') ? O_EXCL : 0);
    if (!is_inside(AT_FDCWD, path, follow_of(path, flags), &place))
        return reuse ? NEXT(freopen64)(place.path, mode, reuse) : NEXT(fopen64)(place.path, mode);
    int descriptor = open_inside(&place, flags | O_CLOEXEC);
    if (descriptor < 0) {
        if (reuse)
            fclose(reuse);
        return NULL;
    }
    write_descriptor_path(descriptor, descriptor_path);
    FILE *stream = reuse ? NEXT(freopen64)(descriptor_path, mode, reuse) : NEXT(fopen64)(descriptor_path, mode);
    close(descriptor);
    return stream;
}

EXPORT FILE *fopen64(const char *path, const char *mode) { return open_stream(path, mode, NULL); }
EXPORT FILE *fopen(const char *, const char *) __attribute__((alias("fopen64")));
EXPORT FILE *freopen64(const char *path, const char *mode, FILE *stream) { return open_stream(path, mode, stream); }
EXPORT FILE *freopen(const char *, const char *, FILE *) __attribute__((alias("freopen64")));
