#include "vfs.h"

#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define DEVICE makedev(0xdb, 0xdb)

enum { IO_BLOCK_SIZE = 4096 };

static mode_t mode_of(const struct entry *entry)
{
    static const mode_t MODES[] = {
        [KIND_FOLDER] = S_IFDIR | 0555,
        [KIND_FILE] = S_IFREG | 0444,
        [KIND_EXECUTABLE] = S_IFREG | 0555,
        [KIND_LINK] = S_IFLNK | 0777,
    };
    return MODES[entry->kind];
}

void fill_stat(const struct entry *entry, struct stat *status)
{
    int is_folder = entry->kind == KIND_FOLDER;
    struct timespec built = {.tv_sec = (time_t)launcher->archive->index->built};
    off_t size = is_folder ? IO_BLOCK_SIZE : entry->size;
    *status = (struct stat){
        .st_dev = DEVICE,
        .st_ino = (ino_t)(entry - launcher->archive->entries) + 1,
        .st_mode = mode_of(entry),
        .st_nlink = is_folder ? 2 : 1,
        .st_size = size,
        .st_blksize = IO_BLOCK_SIZE,
        .st_blocks = (size + S_BLKSIZE - 1) / S_BLKSIZE,
        .st_atim = built,
        .st_mtim = built,
        .st_ctim = built,
    };
}

static int stat_resolved(const struct resolved_path *resolved, struct stat *status)
{
    if (!resolved->entry)
        return fail_with(resolved->error);
    fill_stat(resolved->entry, status);
    return 0;
}

EXPORT int fstat(int fd, struct stat *status)
{
    if (NEXT(fstat)(fd, status))
        return -1;
    const struct entry *entry = entry_of_status(status);
    if (entry)
        fill_stat(entry, status);
    return 0;
}

EXPORT int fstatat(int dirfd, const char *path, struct stat *status, int flags)
{
    struct resolved_path resolved;
    char buffer[PATH_MAX];
    if (flags & AT_EMPTY_PATH && !*path && dirfd != AT_FDCWD)
        return fstat(dirfd, status);
    int follow = flags & AT_SYMLINK_NOFOLLOW ? NO_FOLLOW : FOLLOW;
    if (resolve_inside(dirfd, path, follow, &resolved))
        return stat_resolved(&resolved, status);
    if (!NEXT(fstatat)(resolved.dirfd, resolved.path, status, flags))
        return 0;
    const char *other = find_elsewhere(dirfd, path, follow, buffer);
    return other ? fstatat(AT_FDCWD, other, status, flags) : -1;
}

EXPORT int stat(const char *path, struct stat *status) { return fstatat(AT_FDCWD, path, status, 0); }
EXPORT int lstat(const char *path, struct stat *status) { return fstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW); }

/* On a 64-bit machine the two structures are the same. Programs that were linked before glibc 2.33 use the functions
 * with a version.
 */
_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "one structure");
EXPORT int fstat64(int, struct stat64 *) __attribute__((alias("fstat")));
EXPORT int fstatat64(int, const char *, struct stat64 *, int) __attribute__((alias("fstatat")));
EXPORT int stat64(const char *, struct stat64 *) __attribute__((alias("stat")));
EXPORT int lstat64(const char *, struct stat64 *) __attribute__((alias("lstat")));
EXPORT int __fxstat(int version, int fd, struct stat *status) { return (void)version, fstat(fd, status); }
EXPORT int __xstat(int version, const char *path, struct stat *status) { return (void)version, stat(path, status); }
EXPORT int __lxstat(int version, const char *path, struct stat *status) { return (void)version, lstat(path, status); }
EXPORT int __fxstatat(int version, int dirfd, const char *path, struct stat *status, int flags)
{
    return (void)version, fstatat(dirfd, path, status, flags);
}
EXPORT int __fxstat64(int, int, struct stat64 *) __attribute__((alias("__fxstat")));
EXPORT int __xstat64(int, const char *, struct stat64 *) __attribute__((alias("__xstat")));
EXPORT int __lxstat64(int, const char *, struct stat64 *) __attribute__((alias("__lxstat")));
EXPORT int __fxstatat64(int, int, const char *, struct stat64 *, int) __attribute__((alias("__fxstatat")));

static void fill_statx(const struct entry *entry, struct statx *buffer)
{
    struct stat status;
    fill_stat(entry, &status);
    struct statx_timestamp built = {.tv_sec = status.st_mtim.tv_sec};
    *buffer = (struct statx){
        .stx_mask = STATX_BASIC_STATS,
        .stx_blksize = (unsigned)status.st_blksize,
        .stx_nlink = (unsigned)status.st_nlink,
        .stx_mode = (unsigned short)status.st_mode,
        .stx_ino = status.st_ino,
        .stx_size = (unsigned long)status.st_size,
        .stx_blocks = (unsigned long)status.st_blocks,
        .stx_atime = built,
        .stx_ctime = built,
        .stx_mtime = built,
        .stx_dev_major = major(status.st_dev),
        .stx_dev_minor = minor(status.st_dev),
    };
}

EXPORT int statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *buffer)
{
    struct resolved_path resolved;
    char other[PATH_MAX];
    int is_fd = flags & AT_EMPTY_PATH && !*path && dirfd != AT_FDCWD;
    int follow = flags & AT_SYMLINK_NOFOLLOW ? NO_FOLLOW : FOLLOW;
    const struct entry *entry = is_fd ? entry_of(dirfd) : NULL;
    if (!is_fd && resolve_inside(dirfd, path, follow, &resolved)) {
        entry = resolved.entry;
        if (!entry)
            return fail_with(resolved.error);
    }
    if (entry) {
        fill_statx(entry, buffer);
        return 0;
    }
    if (is_fd)
        return NEXT(statx)(dirfd, path, flags, mask, buffer);
    if (!NEXT(statx)(resolved.dirfd, resolved.path, flags, mask, buffer))
        return 0;
    return find_elsewhere(dirfd, path, follow, other) ? statx(AT_FDCWD, other, flags, mask, buffer) : -1;
}

EXPORT int faccessat(int dirfd, const char *path, int mode, int flags)
{
    struct resolved_path resolved;
    char other[PATH_MAX];
    int follow = flags & AT_SYMLINK_NOFOLLOW ? NO_FOLLOW : FOLLOW;
    if (!resolve_inside(dirfd, path, follow, &resolved)) {
        if (!NEXT(faccessat)(resolved.dirfd, resolved.path, mode, flags))
            return 0;
        return find_elsewhere(dirfd, path, follow, other) ? faccessat(AT_FDCWD, other, mode, flags) : -1;
    }
    if (!resolved.entry)
        return fail_with(resolved.error);
    if (mode & ~(R_OK | W_OK | X_OK))
        return fail_with(EINVAL);
    if (mode & W_OK)
        return fail_with(EROFS);
    return mode & X_OK && !(mode_of(resolved.entry) & 0111) ? fail_with(EACCES) : 0;
}

EXPORT int access(const char *path, int mode) { return faccessat(AT_FDCWD, path, mode, 0); }
EXPORT int euidaccess(const char *path, int mode) { return faccessat(AT_FDCWD, path, mode, AT_EACCESS); }
EXPORT int eaccess(const char *, int) __attribute__((alias("euidaccess")));

EXPORT int statfs(const char *path, struct statfs *status)
{
    struct resolved_path resolved;
    if (!resolve_inside(AT_FDCWD, path, FOLLOW, &resolved))
        return NEXT(statfs)(resolved.path, status);
    if (!resolved.entry)
        return fail_with(resolved.error);
    *status = (struct statfs){
        .f_type = AT_DJBUNDLE,
        .f_bsize = IO_BLOCK_SIZE,
        .f_frsize = IO_BLOCK_SIZE,
        .f_blocks = launcher->archive->file_size / IO_BLOCK_SIZE,
        .f_files = launcher->archive->index->entry_count,
        .f_namelen = NAME_MAX,
        .f_flags = ST_RDONLY | ST_NOSUID | ST_NODEV,
    };
    return 0;
}

EXPORT int statvfs(const char *path, struct statvfs *status)
{
    struct resolved_path resolved;
    struct statfs filesystem;
    if (!resolve_inside(AT_FDCWD, path, FOLLOW, &resolved))
        return NEXT(statvfs)(resolved.path, status);
    if (statfs(path, &filesystem))
        return -1;
    *status = (struct statvfs){
        .f_bsize = IO_BLOCK_SIZE,
        .f_frsize = IO_BLOCK_SIZE,
        .f_blocks = filesystem.f_blocks,
        .f_files = filesystem.f_files,
        .f_flag = (unsigned long)filesystem.f_flags,
        .f_namemax = NAME_MAX,
    };
    return 0;
}

EXPORT long pathconf(const char *path, int name)
{
    struct resolved_path resolved;
    if (!resolve_inside(AT_FDCWD, path, FOLLOW, &resolved))
        return NEXT(pathconf)(resolved.path, name);
    return resolved.entry ? NEXT(pathconf)("/", name) : fail_with(resolved.error);
}

EXPORT int statfs64(const char *, struct statfs64 *) __attribute__((alias("statfs")));
EXPORT int statvfs64(const char *, struct statvfs64 *) __attribute__((alias("statvfs")));

/* Entries have no extended attributes. */

static ssize_t find_no_attribute(const struct resolved_path *resolved, int error)
{
    return !resolved->entry ? fail_with(resolved->error) : error ? fail_with(error) : 0;
}

/* Define a function in front of libc's that reads attributes of the file at `path`. `error` is that of an entry. */
#define READS_ATTRIBUTES(function, parameters, follow, error, ...) \
    EXPORT ssize_t function parameters \
    { \
        struct resolved_path resolved; \
        char buffer[PATH_MAX]; \
        if (resolve_inside(AT_FDCWD, path, follow, &resolved)) \
            return find_no_attribute(&resolved, error); \
        ssize_t result = NEXT(function)(resolved.path, __VA_ARGS__); \
        const char *other = result < 0 ? find_elsewhere(AT_FDCWD, path, follow, buffer) : NULL; \
        return other ? function(other, __VA_ARGS__) : result; \
    }

READS_ATTRIBUTES(listxattr, (const char *path, char *list, size_t size), FOLLOW, 0, list, size)
READS_ATTRIBUTES(llistxattr, (const char *path, char *list, size_t size), NO_FOLLOW, 0, list, size)
READS_ATTRIBUTES(getxattr, (const char *path, const char *name, void *value, size_t size), FOLLOW, ENODATA, name, value,
                 size)
READS_ATTRIBUTES(lgetxattr, (const char *path, const char *name, void *value, size_t size), NO_FOLLOW, ENODATA, name,
                 value, size)
