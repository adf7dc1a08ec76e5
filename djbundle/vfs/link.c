#include "vfs.h"

#include <stdlib.h>
#include <unistd.h>

static ssize_t copy_truncated(const char *string, size_t length, char *buffer, size_t size)
{
    length = length < size ? length : size;
    memcpy(buffer, string, length);
    return (ssize_t)length;
}

EXPORT ssize_t readlinkat(int dirfd, const char *path, char *buffer, size_t size)
{
    struct resolved_path resolved;
    char target[PATH_MAX]; /* or another path */
    if (!resolve_inside(dirfd, path, NO_FOLLOW, &resolved)) {
        ssize_t length = NEXT(readlinkat)(resolved.dirfd, resolved.path, buffer, size);
        const char *other = length < 0 ? find_elsewhere(dirfd, path, NO_FOLLOW, target) : NULL;
        return other ? readlinkat(AT_FDCWD, other, buffer, size) : length;
    }
    if (!resolved.entry)
        return fail_with(resolved.error);
    if (resolved.entry->kind != KIND_LINK || resolved.entry->size > sizeof target)
        return fail_with(EINVAL);
    launcher->read_entry(launcher->archive, resolved.entry, target);
    return copy_truncated(target, resolved.entry->size, buffer, size);
}

EXPORT ssize_t readlink(const char *path, char *buffer, size_t size)
{
    return readlinkat(AT_FDCWD, path, buffer, size);
}

EXPORT ssize_t __readlink_chk(const char *path, char *buffer, size_t size, size_t capacity)
{
    return size > capacity ? (abort(), 0) : readlink(path, buffer, size);
}

EXPORT ssize_t __readlinkat_chk(int dirfd, const char *path, char *buffer, size_t size, size_t capacity)
{
    return size > capacity ? (abort(), 0) : readlinkat(dirfd, path, buffer, size);
}

EXPORT char *realpath(const char *path, char *buffer)
{
    struct resolved_path resolved;
    char canonical[PATH_MAX]; /* or another path */
    if (!resolve_inside(AT_FDCWD, path, FOLLOW, &resolved)) {
        char *real = NEXT(realpath)(resolved.path, buffer);
        const char *other = real ? NULL : find_elsewhere(AT_FDCWD, path, FOLLOW, canonical);
        return other ? realpath(other, buffer) : real;
    }
    if (!resolved.entry)
        return errno = resolved.error, NULL;
    if (write_path(resolved.entry, canonical, sizeof canonical) < 0)
        return NULL;
    return buffer ? strcpy(buffer, canonical) : strdup(canonical);
}

EXPORT char *canonicalize_file_name(const char *path) { return realpath(path, NULL); }

EXPORT char *__realpath_chk(const char *path, char *buffer, size_t capacity)
{
    return capacity < PATH_MAX ? (abort(), NULL) : realpath(path, buffer);
}
