/* Calls that would change something inside ROOT are refused, as on a read-only file system. */
#include "vfs.h"

#include <stdio.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

/* The errors and their order are those of Linux' fs/namei.c. */

static int refuse_change(const struct place *place) { return failed(place->entry ? EROFS : place->error); }

static int refuse_size(const struct place *place)
{
    return place->entry && place->entry->kind == KIND_FOLDER ? failed(EISDIR) : refuse_change(place);
}

static int refuse_folder(const struct place *place)
{
    if (!place->has_parent)
        return failed(place->error);
    if (place->entry || place->last != LAST_NAME || place->error == ENOTDIR)
        return failed(EEXIST);
    return failed(place->error == ENOENT ? EROFS : place->error);
}

/* Only a folder can be created by a name that ends with a slash. */
static int refuse_new(const struct place *place)
{
    if (place->has_parent && !place->entry && place->error == ENOENT && place->has_slash)
        return failed(ENOENT);
    return refuse_folder(place);
}

static int refuse_unlink(const struct place *place)
{
    if (!place->has_parent)
        return failed(place->error);
    return failed(place->last == LAST_NAME ? EROFS : EISDIR);
}

static int refuse_rmdir(const struct place *place)
{
    static const int ERRORS[] = {
        [LAST_NAME] = EROFS, [LAST_DOT] = EINVAL, [LAST_DOT_DOT] = ENOTEMPTY, [LAST_ROOT] = EBUSY};
    return failed(place->has_parent ? ERRORS[place->last] : place->error);
}

/* Define a function in front of libc's that changes the file at `path`, relative to `folder`. */
#define CHANGES(type, name, parameters, folder, path, follow, refuse, ...) \
    EXPORT type name parameters \
    { \
        struct place place; \
        if (is_inside(folder, path, follow, &place)) \
            return (refuse)(&place); \
        return NEXT(name)(__VA_ARGS__); \
    }

#define LINK_FLAG(flags) ((flags) & AT_SYMLINK_NOFOLLOW ? NO_FOLLOW : FOLLOW)

CHANGES(int, mkdir, (const char *path, mode_t mode), AT_FDCWD, path, STAY, refuse_folder, place.path, mode)
CHANGES(int, mkdirat, (int folder, const char *path, mode_t mode), folder, path, STAY, refuse_folder, place.folder,
        place.path, mode)
CHANGES(int, mknod, (const char *path, mode_t mode, dev_t device), AT_FDCWD, path, STAY, refuse_new, place.path, mode,
        device)
CHANGES(int, mknodat, (int folder, const char *path, mode_t mode, dev_t device), folder, path, STAY, refuse_new,
        place.folder, place.path, mode, device)
CHANGES(int, mkfifo, (const char *path, mode_t mode), AT_FDCWD, path, STAY, refuse_new, place.path, mode)
CHANGES(int, mkfifoat, (int folder, const char *path, mode_t mode), folder, path, STAY, refuse_new, place.folder,
        place.path, mode)
CHANGES(int, symlink, (const char *target, const char *path), AT_FDCWD, path, STAY, refuse_new, target, place.path)
CHANGES(int, symlinkat, (const char *target, int folder, const char *path), folder, path, STAY, refuse_new, target,
        place.folder, place.path)

CHANGES(int, rmdir, (const char *path), AT_FDCWD, path, STAY, refuse_rmdir, place.path)
CHANGES(int, unlink, (const char *path), AT_FDCWD, path, STAY, refuse_unlink, place.path)
CHANGES(int, unlinkat, (int folder, const char *path, int flags), folder, path, STAY,
        flags &AT_REMOVEDIR ? refuse_rmdir : refuse_unlink, place.folder, place.path, flags)
CHANGES(int, remove, (const char *path), AT_FDCWD, path, STAY,
        place.entry &&place.entry->kind == KIND_FOLDER ? refuse_rmdir : refuse_unlink, place.path)
CHANGES(int, chmod, (const char *path, mode_t mode), AT_FDCWD, path, FOLLOW, refuse_change, place.path, mode)
CHANGES(int, lchmod, (const char *path, mode_t mode), AT_FDCWD, path, NO_FOLLOW, refuse_change, place.path, mode)
CHANGES(int, fchmodat, (int folder, const char *path, mode_t mode, int flags), folder, path, LINK_FLAG(flags),
        refuse_change, place.folder, place.path, mode, flags)
CHANGES(int, chown, (const char *path, uid_t user, gid_t group), AT_FDCWD, path, FOLLOW, refuse_change, place.path,
        user, group)
CHANGES(int, lchown, (const char *path, uid_t user, gid_t group), AT_FDCWD, path, NO_FOLLOW, refuse_change, place.path,
        user, group)
CHANGES(int, fchownat, (int folder, const char *path, uid_t user, gid_t group, int flags), folder, path,
        LINK_FLAG(flags), refuse_change, place.folder, place.path, user, group, flags)
CHANGES(int, truncate, (const char *path, off_t size), AT_FDCWD, path, FOLLOW, refuse_size, place.path, size)
CHANGES(int, truncate64, (const char *path, off64_t size), AT_FDCWD, path, FOLLOW, refuse_size, place.path, size)
CHANGES(int, utime, (const char *path, const struct utimbuf *times), AT_FDCWD, path, FOLLOW, refuse_change, place.path,
        times)
CHANGES(int, utimes, (const char *path, const struct timeval times[2]), AT_FDCWD, path, FOLLOW, refuse_change,
        place.path, times)
CHANGES(int, lutimes, (const char *path, const struct timeval times[2]), AT_FDCWD, path, NO_FOLLOW, refuse_change,
        place.path, times)
CHANGES(int, futimesat, (int folder, const char *path, const struct timeval times[2]), folder, path, FOLLOW,
        refuse_change, place.folder, place.path, times)
CHANGES(int, utimensat, (int folder, const char *path, const struct timespec times[2], int flags), folder, path,
        LINK_FLAG(flags), refuse_change, place.folder, place.path, times, flags)
CHANGES(int, setxattr, (const char *path, const char *name, const void *value, size_t size, int flags), AT_FDCWD, path,
        FOLLOW, refuse_change, place.path, name, value, size, flags)
CHANGES(int, lsetxattr, (const char *path, const char *name, const void *value, size_t size, int flags), AT_FDCWD, path,
        NO_FOLLOW, refuse_change, place.path, name, value, size, flags)
CHANGES(int, removexattr, (const char *path, const char *name), AT_FDCWD, path, FOLLOW, refuse_change, place.path, name)
CHANGES(int, lremovexattr, (const char *path, const char *name), AT_FDCWD, path, NO_FOLLOW, refuse_change, place.path,
        name)

EXPORT int renameat2(int old_folder, const char *old_path, int new_folder, const char *new_path, unsigned flags)
{
    struct place old, new;
    int is_old_inside = is_inside(old_folder, old_path, STAY, &old);
    int is_new_inside = is_inside(new_folder, new_path, STAY, &new);
    if (!is_old_inside && !is_new_inside)
        return NEXT(renameat2)(old.folder, old.path, new.folder, new.path, flags);
    if (is_old_inside && !old.has_parent)
        return failed(old.error);
    if (is_new_inside && !new.has_parent)
        return failed(new.error);
    if (!is_old_inside || !is_new_inside)
        return failed(EXDEV); /* inside and outside are different file systems */
    return failed(old.last == LAST_NAME && new.last == LAST_NAME ? EROFS : EBUSY);
}
EXPORT int renameat(int old_folder, const char *old_path, int new_folder, const char *new_path)
{
    return renameat2(old_folder, old_path, new_folder, new_path, 0);
}
EXPORT int rename(const char *old_path, const char *new_path)
{
    return renameat2(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

EXPORT int linkat(int old_folder, const char *old_path, int new_folder, const char *new_path, int flags)
{
    struct place old, new;
    struct stat status;
    int is_old_inside = is_inside(old_folder, old_path, flags & AT_SYMLINK_FOLLOW ? FOLLOW : NO_FOLLOW, &old);
    int is_new_inside = is_inside(new_folder, new_path, STAY, &new);
    if (!is_old_inside && !is_new_inside)
        return NEXT(linkat)(old.folder, old.path, new.folder, new.path, flags);
    if (is_old_inside ? !old.entry : fstatat(old.folder, old.path, &status, AT_SYMLINK_NOFOLLOW))
        return failed(is_old_inside ? old.error : errno);
    if (is_new_inside)
        return refuse_new(&new);
    return failed(fstatat(new.folder, new.path, &status, AT_SYMLINK_NOFOLLOW) ? EXDEV : EEXIST);
}
EXPORT int link(const char *old_path, const char *new_path)
{
    return linkat(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

/* Descriptors of entries are read-only, but a few functions change a file even through such a descriptor. */
#define CHANGES_DESCRIPTOR(name, parameters, descriptor, ...) \
    EXPORT int name parameters { return entry_of(descriptor) ? failed(EROFS) : NEXT(name)(__VA_ARGS__); }

CHANGES_DESCRIPTOR(fchmod, (int descriptor, mode_t mode), descriptor, descriptor, mode)
CHANGES_DESCRIPTOR(fchown, (int descriptor, uid_t user, gid_t group), descriptor, descriptor, user, group)
CHANGES_DESCRIPTOR(futimes, (int descriptor, const struct timeval times[2]), descriptor, descriptor, times)
CHANGES_DESCRIPTOR(futimens, (int descriptor, const struct timespec times[2]), descriptor, descriptor, times)
CHANGES_DESCRIPTOR(fsetxattr, (int descriptor, const char *name, const void *value, size_t size, int flags), descriptor,
                   descriptor, name, value, size, flags)
CHANGES_DESCRIPTOR(fremovexattr, (int descriptor, const char *name), descriptor, descriptor, name)
