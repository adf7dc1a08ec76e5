#include "vfs.h"

#include <stdlib.h>
#include <unistd.h>

static ssize_t copy(const char *text, size_t length, char *buffer, size_t size)
{
    length = length < size ? length : size;
    memcpy(buffer, text, length);
    return (ssize_t)length;
}

EXPORT ssize_t readlinkat(int folder, const char *path, char *buffer, size_t size)
{
    struct place place;
    char target[PATH_MAX];
    if (!is_inside(folder, path, NO_FOLLOW, &place))
        return NEXT(readlinkat)(place.folder, place.path, buffer, size);
    if (!place.entry)
        return failed(place.error);
    if (place.entry->kind != KIND_LINK || place.entry->size > sizeof target)
        return failed(EINVAL);
    launcher->read_entry(launcher->archive, place.entry, target);
    return copy(target, place.entry->size, buffer, size);
}

EXPORT ssize_t readlink(const char *path, char *buffer, size_t size)
{
    return readlinkat(AT_FDCWD, path, buffer, size);
}

EXPORT ssize_t __readlink_chk(const char *path, char *buffer, size_t size, size_t room)
{
    return size > room ? (abort(), 0) : readlink(path, buffer, size);
}

EXPORT ssize_t __readlinkat_chk(int folder, const char *path, char *buffer, size_t size, size_t room)
{
    return size > room ? (abort(), 0) : readlinkat(folder, path, buffer, size);
}

EXPORT char *realpath(const char *path, char *resolved)
{
    struct place place;
    char found[PATH_MAX];
    if (!is_inside(AT_FDCWD, path, FOLLOW, &place))
        return NEXT(realpath)(place.path, resolved);
    if (!place.entry)
        return errno = place.error, NULL;
    if (write_path(place.entry, found, sizeof found) < 0)
        return NULL;
    return resolved ? strcpy(resolved, found) : strdup(found);
}

EXPORT char *canonicalize_file_name(const char *path) { return realpath(path, NULL); }

EXPORT char *__realpath_chk(const char *path, char *resolved, size_t room)
{
    return room < PATH_MAX ? (abort(), NULL) : realpath(path, resolved);
}
