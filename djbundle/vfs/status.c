#include "vfs.h"

#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define DEVICE makedev(0xdb, 0xdb)

enum { UNIT = 4096, STATUS_UNIT = 512 /* bytes; see stat(2), st_blocks */ };

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

void describe_entry(const struct entry *entry, struct stat *status)
{
    int is_folder = entry->kind == KIND_FOLDER;
    struct timespec built = {.tv_sec = (time_t)launcher->archive->index->built};
    off_t size = is_folder ? UNIT : entry->size;
    *status = (struct stat){
        .st_dev = DEVICE,
        .st_ino = (ino_t)(entry - launcher->archive->entries) + 1,
        .st_mode = mode_of(entry),
        .st_nlink = is_folder ? 2 : 1,
        .st_size = size,
        .st_blksize = UNIT,
        .st_blocks = (size + STATUS_UNIT - 1) / STATUS_UNIT,
        .st_atim = built,
        .st_mtim = built,
        .st_ctim = built,
    };
}

static int describe_place(const struct place *place, struct stat *status)
{
    if (!place->entry)
        return failed(place->error);
    describe_entry(place->entry, status);
    return 0;
}

EXPORT int fstat(int descriptor, struct stat *status)
{
    if (NEXT(fstat)(descriptor, status))
        return -1;
    const struct entry *entry = entry_of_status(status);
    if (entry)
        describe_entry(entry, status);
    return 0;
}

EXPORT int fstatat(int folder, const char *path, struct stat *status, int flags)
{
    struct place place;
    if (flags & AT_EMPTY_PATH && !*path && folder != AT_FDCWD)
        return fstat(folder, status);
    if (is_inside(folder, path, flags & AT_SYMLINK_NOFOLLOW ? NO_FOLLOW : FOLLOW, &place))
        return describe_place(&place, status);
    return NEXT(fstatat)(place.folder, place.path, status, flags);
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
EXPORT int __fxstat(int version, int descriptor, struct stat *status)
{
    return (void)version, fstat(descriptor, status);
}
EXPORT int __xstat(int version, const char *path, struct stat *status) { return (void)version, stat(path, status); }
EXPORT int __lxstat(int version, const char *path, struct stat *status) { return (void)version, lstat(path, status); }
EXPORT int __fxstatat(int version, int folder, const char *path, struct stat *status, int flags)
{
    return (void)version, fstatat(folder, path, status, flags);
}
EXPORT int __fxstat64(int, int, struct stat64 *) __attribute__((alias("__fxstat")));
EXPORT int __xstat64(int, const char *, struct stat64 *) __attribute__((alias("__xstat")));
EXPORT int __lxstat64(int, const char *, struct stat64 *) __attribute__((alias("__lxstat")));
EXPORT int __fxstatat64(int, int, const char *, struct stat64 *, int) __attribute__((alias("__fxstatat")));

static void describe_more(const struct entry *entry, struct statx *more)
{
    struct stat status;
    describe_entry(entry, &status);
    struct statx_timestamp built = {.tv_sec = status.st_mtim.tv_sec};
    *more = (struct statx){
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

EXPORT int statx(int folder, const char *path, int flags, unsigned mask, struct statx *more)
{
    struct place place;
    int is_descriptor = flags & AT_EMPTY_PATH && !*path && folder != AT_FDCWD;
    const struct entry *entry = is_descriptor ? entry_of(folder) : NULL;
    if (!is_descriptor && is_inside(folder, path, flags & AT_SYMLINK_NOFOLLOW ? NO_FOLLOW : FOLLOW, &place)) {
        entry = place.entry;
        if (!entry)
            return failed(place.error);
    }
    if (entry) {
        describe_more(entry, more);
        return 0;
    }
    return is_descriptor ? NEXT(statx)(folder, path, flags, mask, more)
                         : NEXT(statx)(place.folder, place.path, flags, mask, more);
}

EXPORT int faccessat(int folder, const char *path, int wanted, int flags)
{
    struct place place;
    if (!is_inside(folder, path, flags & AT_SYMLINK_NOFOLLOW ? NO_FOLLOW : FOLLOW, &place))
        return NEXT(faccessat)(place.folder, place.path, wanted, flags);
    if (!place.entry)
        return failed(place.error);
    if (wanted & ~(R_OK | W_OK | X_OK))
        return failed(EINVAL);
    if (wanted & W_OK)
        return failed(EROFS);
    return wanted & X_OK && !(mode_of(place.entry) & 0111) ? failed(EACCES) : 0;
}

EXPORT int access(const char *path, int wanted) { return faccessat(AT_FDCWD, path, wanted, 0); }
EXPORT int euidaccess(const char *path, int wanted) { return faccessat(AT_FDCWD, path, wanted, AT_EACCESS); }
EXPORT int eaccess(const char *, int) __attribute__((alias("euidaccess")));

EXPORT int statfs(const char *path, struct statfs *status)
{
    struct place place;
    if (!is_inside(AT_FDCWD, path, FOLLOW, &place))
        return NEXT(statfs)(place.path, status);
    if (!place.entry)
        return failed(place.error);
    *status = (struct statfs){
        .f_type = AT_DJBUNDLE,
        .f_bsize = UNIT,
        .f_frsize = UNIT,
        .f_blocks = launcher->archive->file_size / UNIT,
        .f_files = launcher->archive->index->entry_count,
        .f_namelen = NAME_MAX,
        .f_flags = ST_RDONLY | ST_NOSUID | ST_NODEV,
    };
    return 0;
}

EXPORT int statvfs(const char *path, struct statvfs *status)
{
    struct place place;
    struct statfs found;
    if (!is_inside(AT_FDCWD, path, FOLLOW, &place))
        return NEXT(statvfs)(place.path, status);
    if (statfs(path, &found))
        return -1;
    *status = (struct statvfs){
        .f_bsize = UNIT,
        .f_frsize = UNIT,
        .f_blocks = found.f_blocks,
        .f_files = found.f_files,
        .f_flag = (unsigned long)found.f_flags,
        .f_namemax = NAME_MAX,
    };
    return 0;
}

EXPORT int statfs64(const char *, struct statfs64 *) __attribute__((alias("statfs")));
EXPORT int statvfs64(const char *, struct statvfs64 *) __attribute__((alias("statvfs")));

/* Entries have no extended attributes. */

static ssize_t no_attribute(const char *path, int follow, struct place *place, int error)
{
    if (!is_inside(AT_FDCWD, path, follow, place))
        return 1;
    return !place->entry ? failed(place->error) : error ? failed(error) : 0;
}

EXPORT ssize_t listxattr(const char *path, char *list, size_t size)
{
    struct place place;
    ssize_t result = no_attribute(path, FOLLOW, &place, 0);
    return result == 1 ? NEXT(listxattr)(place.path, list, size) : result;
}
EXPORT ssize_t llistxattr(const char *path, char *list, size_t size)
{
    struct place place;
    ssize_t result = no_attribute(path, NO_FOLLOW, &place, 0);
    return result == 1 ? NEXT(llistxattr)(place.path, list, size) : result;
}
EXPORT ssize_t getxattr(const char *path, const char *name, void *value, size_t size)
{
    struct place place;
    ssize_t result = no_attribute(path, FOLLOW, &place, ENODATA);
    return result == 1 ? NEXT(getxattr)(place.path, name, value, size) : result;
}
EXPORT ssize_t lgetxattr(const char *path, const char *name, void *value, size_t size)
{
    struct place place;
    ssize_t result = no_attribute(path, NO_FOLLOW, &place, ENODATA);
    return result == 1 ? NEXT(lgetxattr)(place.path, name, value, size) : result;
}
