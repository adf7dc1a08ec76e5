/* Calls that would change something inside ROOT are refused, as on a read-only file system. */
#include "vfs.h"

#include <stdio.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

/* The errors and their order are those of Linux' fs/namei.c. */

static int refuse_change(const struct resolved_path *resolved)
{
    return fail_with(resolved->entry ? EROFS : resolved->error);
}

static int refuse_size(const struct resolved_path *resolved)
{
    return resolved->entry && resolved->entry->kind == KIND_FOLDER ? fail_with(EISDIR) : refuse_change(resolved);
}

static int refuse_folder(const struct resolved_path *resolved)
{
    if (!resolved->has_parent)
        return fail_with(resolved->error);
    if (resolved->entry || resolved->last != LAST_NORM || resolved->error == ENOTDIR)
        return fail_with(EEXIST);
    return fail_with(resolved->error == ENOENT ? EROFS : resolved->error);
}

/* Only a folder can be created by a name that ends with a slash. */
static int refuse_new(const struct resolved_path *resolved)
{
    if (resolved->has_parent && !resolved->entry && resolved->error == ENOENT && resolved->has_trailing_slash)
        return fail_with(ENOENT);
    return refuse_folder(resolved);
}

static int refuse_unlink(const struct resolved_path *resolved)
{
    if (!resolved->has_parent)
        return fail_with(resolved->error);
    return fail_with(resolved->last == LAST_NORM ? EROFS : EISDIR);
}

static int refuse_rmdir(const struct resolved_path *resolved)
{
    static const int ERRORS[] = {
        [LAST_NORM] = EROFS, [LAST_DOT] = EINVAL, [LAST_DOTDOT] = ENOTEMPTY, [LAST_ROOT] = EBUSY};
    return fail_with(resolved->has_parent ? ERRORS[resolved->last] : resolved->error);
}

/* Define a function in front of libc's that changes the file at `path`, relative to `dirfd`. */
#define CHANGES(type, name, parameters, dirfd, path, follow, refuse, ...) \
    EXPORT type name parameters \
    { \
        struct resolved_path resolved; \
        if (resolve_inside(dirfd, path, follow, &resolved)) \
            return (refuse)(&resolved); \
        return NEXT(name)(__VA_ARGS__); \
    }

#define LINK_FLAG(flags) ((flags) & AT_SYMLINK_NOFOLLOW ? NO_FOLLOW : FOLLOW)

/* The same for a function that creates something at `path`: in a folder that is there in the project. */
#define CREATES(name, parameters, dirfd, path, refuse, ...) \
    EXPORT int name parameters \
    { \
        struct resolved_path resolved; \
        if (resolve_inside(dirfd, path, NEVER_FOLLOW, &resolved)) \
            return (refuse)(&resolved); \
        int result = NEXT(name)(__VA_ARGS__); \
        return result && create_project_folders(dirfd, path) ? NEXT(name)(__VA_ARGS__) : result; \
    }

CREATES(mkdir, (const char *path, mode_t mode), AT_FDCWD, path, refuse_folder, resolved.path, mode)
CREATES(mkdirat, (int dirfd, const char *path, mode_t mode), dirfd, path, refuse_folder, resolved.dirfd, resolved.path,
        mode)
CREATES(mknod, (const char *path, mode_t mode, dev_t device), AT_FDCWD, path, refuse_new, resolved.path, mode, device)
CREATES(mknodat, (int dirfd, const char *path, mode_t mode, dev_t device), dirfd, path, refuse_new, resolved.dirfd,
        resolved.path, mode, device)
CREATES(mkfifo, (const char *path, mode_t mode), AT_FDCWD, path, refuse_new, resolved.path, mode)
CREATES(mkfifoat, (int dirfd, const char *path, mode_t mode), dirfd, path, refuse_new, resolved.dirfd, resolved.path,
        mode)
CREATES(symlink, (const char *target, const char *path), AT_FDCWD, path, refuse_new, target, resolved.path)
CREATES(symlinkat, (const char *target, int dirfd, const char *path), dirfd, path, refuse_new, target, resolved.dirfd,
        resolved.path)

CHANGES(int, rmdir, (const char *path), AT_FDCWD, path, NEVER_FOLLOW, refuse_rmdir, resolved.path)
CHANGES(int, unlink, (const char *path), AT_FDCWD, path, NEVER_FOLLOW, refuse_unlink, resolved.path)
CHANGES(int, unlinkat, (int dirfd, const char *path, int flags), dirfd, path, NEVER_FOLLOW,
        flags &AT_REMOVEDIR ? refuse_rmdir : refuse_unlink, resolved.dirfd, resolved.path, flags)
CHANGES(int, remove, (const char *path), AT_FDCWD, path, NEVER_FOLLOW,
        resolved.entry &&resolved.entry->kind == KIND_FOLDER ? refuse_rmdir : refuse_unlink, resolved.path)
CHANGES(int, chmod, (const char *path, mode_t mode), AT_FDCWD, path, FOLLOW, refuse_change, resolved.path, mode)
CHANGES(int, lchmod, (const char *path, mode_t mode), AT_FDCWD, path, NO_FOLLOW, refuse_change, resolved.path, mode)
CHANGES(int, fchmodat, (int dirfd, const char *path, mode_t mode, int flags), dirfd, path, LINK_FLAG(flags),
        refuse_change, resolved.dirfd, resolved.path, mode, flags)
CHANGES(int, chown, (const char *path, uid_t user, gid_t group), AT_FDCWD, path, FOLLOW, refuse_change, resolved.path,
        user, group)
CHANGES(int, lchown, (const char *path, uid_t user, gid_t group), AT_FDCWD, path, NO_FOLLOW, refuse_change,
        resolved.path, user, group)
CHANGES(int, fchownat, (int dirfd, const char *path, uid_t user, gid_t group, int flags), dirfd, path, LINK_FLAG(flags),
        refuse_change, resolved.dirfd, resolved.path, user, group, flags)
CHANGES(int, truncate, (const char *path, off_t size), AT_FDCWD, path, FOLLOW, refuse_size, resolved.path, size)
CHANGES(int, truncate64, (const char *path, off64_t size), AT_FDCWD, path, FOLLOW, refuse_size, resolved.path, size)
CHANGES(int, utime, (const char *path, const struct utimbuf *times), AT_FDCWD, path, FOLLOW, refuse_change,
        resolved.path, times)
CHANGES(int, utimes, (const char *path, const struct timeval times[2]), AT_FDCWD, path, FOLLOW, refuse_change,
        resolved.path, times)
CHANGES(int, lutimes, (const char *path, const struct timeval times[2]), AT_FDCWD, path, NO_FOLLOW, refuse_change,
        resolved.path, times)
CHANGES(int, futimesat, (int dirfd, const char *path, const struct timeval times[2]), dirfd, path, FOLLOW,
        refuse_change, resolved.dirfd, resolved.path, times)
CHANGES(int, utimensat, (int dirfd, const char *path, const struct timespec times[2], int flags), dirfd, path,
        LINK_FLAG(flags), refuse_change, resolved.dirfd, resolved.path, times, flags)
CHANGES(int, setxattr, (const char *path, const char *name, const void *value, size_t size, int flags), AT_FDCWD, path,
        FOLLOW, refuse_change, resolved.path, name, value, size, flags)
CHANGES(int, lsetxattr, (const char *path, const char *name, const void *value, size_t size, int flags), AT_FDCWD, path,
        NO_FOLLOW, refuse_change, resolved.path, name, value, size, flags)
CHANGES(int, removexattr, (const char *path, const char *name), AT_FDCWD, path, FOLLOW, refuse_change, resolved.path,
        name)
CHANGES(int, lremovexattr, (const char *path, const char *name), AT_FDCWD, path, NO_FOLLOW, refuse_change,
        resolved.path, name)

EXPORT int renameat2(int old_dirfd, const char *old_path, int new_dirfd, const char *new_path, unsigned flags)
{
    struct resolved_path old, new;
    struct stat status;
    int is_old_inside = resolve_inside(old_dirfd, old_path, NEVER_FOLLOW, &old);
    int is_new_inside = resolve_inside(new_dirfd, new_path, NEVER_FOLLOW, &new);
    if (!is_old_inside && !is_new_inside) {
        int result = NEXT(renameat2)(old.dirfd, old.path, new.dirfd, new.path, flags);
        int is_tried_again = result && errno == ENOENT
                             && !NEXT(fstatat)(old.dirfd, old.path, &status, AT_SYMLINK_NOFOLLOW)
                             && (errno = ENOENT, create_project_folders(new_dirfd, new_path));
        return is_tried_again ? NEXT(renameat2)(old.dirfd, old.path, new.dirfd, new.path, flags) : result;
    }
    if (is_old_inside && !old.has_parent)
        return fail_with(old.error);
    if (is_new_inside && !new.has_parent)
        return fail_with(new.error);
    if (!is_old_inside || !is_new_inside)
        return fail_with(EXDEV); /* inside and outside are different file systems */
    return fail_with(old.last == LAST_NORM && new.last == LAST_NORM ? EROFS : EBUSY);
}
EXPORT int renameat(int old_dirfd, const char *old_path, int new_dirfd, const char *new_path)
{
    return renameat2(old_dirfd, old_path, new_dirfd, new_path, 0);
}
EXPORT int rename(const char *old_path, const char *new_path)
{
    return renameat2(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

/* Files inside ROOT and outside lie in two file systems. But in its own environment, the project could link them. */
int copy_outside(const struct entry *entry, int dirfd, const char *path)
{
    int fd = NEXT(openat64)(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && create_project_folders(dirfd, path))
        fd = NEXT(openat64)(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return -1;
    int result = write_content(entry, fd), error = errno;
    close(fd);
    return result ? (NEXT(unlinkat)(dirfd, path, 0), fail_with(error)) : 0;
}

EXPORT int linkat(int old_dirfd, const char *old_path, int new_dirfd, const char *new_path, int flags)
{
    struct resolved_path old, new;
    struct stat status;
    char elsewhere[PATH_MAX];
    int is_old_inside = resolve_inside(old_dirfd, old_path, flags & AT_SYMLINK_FOLLOW ? FOLLOW : NO_FOLLOW, &old);
    int is_new_inside = resolve_inside(new_dirfd, new_path, NEVER_FOLLOW, &new);
    if (!is_old_inside && !is_new_inside) {
        if (!NEXT(linkat)(old.dirfd, old.path, new.dirfd, new.path, flags))
            return 0;
        const char *other = find_elsewhere(old_dirfd, old_path, NO_FOLLOW, elsewhere);
        if (other)
            return linkat(AT_FDCWD, other, new_dirfd, new_path, flags);
        return create_project_folders(new_dirfd, new_path)
                   ? NEXT(linkat)(old.dirfd, old.path, new.dirfd, new.path, flags)
                   : -1;
    }
    if (is_old_inside ? !old.entry : fstatat(old.dirfd, old.path, &status, AT_SYMLINK_NOFOLLOW))
        return fail_with(is_old_inside ? old.error : errno);
    if (is_new_inside)
        return refuse_new(&new);
    if (!fstatat(new.dirfd, new.path, &status, AT_SYMLINK_NOFOLLOW))
        return fail_with(EEXIST);
    int is_file = is_old_inside && (old.entry->kind == KIND_FILE || old.entry->kind == KIND_EXECUTABLE);
    return is_file && makes_links() ? copy_outside(old.entry, new.dirfd, new.path) : fail_with(EXDEV);
}
EXPORT int link(const char *old_path, const char *new_path)
{
    return linkat(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

/* Descriptors of entries are read-only, but a few functions change a file even through such a descriptor. */
#define CHANGES_FD(name, parameters, fd, ...) \
    EXPORT int name parameters { return entry_of(fd) ? fail_with(EROFS) : NEXT(name)(__VA_ARGS__); }

CHANGES_FD(fchmod, (int fd, mode_t mode), fd, fd, mode)
CHANGES_FD(fchown, (int fd, uid_t user, gid_t group), fd, fd, user, group)
CHANGES_FD(futimes, (int fd, const struct timeval times[2]), fd, fd, times)
CHANGES_FD(futimens, (int fd, const struct timespec times[2]), fd, fd, times)
CHANGES_FD(fsetxattr, (int fd, const char *name, const void *value, size_t size, int flags), fd, fd, name, value, size,
           flags)
CHANGES_FD(fremovexattr, (int fd, const char *name), fd, fd, name)
