/* What is written by relative paths lies where they lead: a bundle is started anywhere, and ROOT is read-only.
 *
 * A folder of the project is made there if something new is to lie in it. A file of the project is copied there if it is
 * only changed, as by adding a line.
 */
#include "vfs.h"

#include <stdio.h>
#include <unistd.h>

/* Return whether the project has a folder at a path. If it runs from a folder, that one is on the disk. */
static int has_folder(const char *path)
{
    char buffer[PATH_MAX];
    struct stat status;
    return find_in_project(path, buffer) && !stat(buffer, &status) && S_ISDIR(status.st_mode);
}

/* The project's folder "shop/out" is there in the project, so it has to be there for a new file "shop/out/new" too. */
int create_project_folders(int dirfd, const char *path)
{
    char folder[PATH_MAX];
    size_t length = path ? strlen(path) : 0;
    if (errno != ENOENT || !length || length >= PATH_MAX || (dirfd != AT_FDCWD && *path != '/'))
        return 0;
    length = length_of_parent(path, length);
    memcpy(folder, path, length);
    folder[length] = 0;
    if (!length || !has_folder(folder))
        return errno = ENOENT, 0;
    for (char *at = folder; (at = strchr(at + 1, '/'));) {
        *at = 0;
        NEXT(mkdir)(folder, 0777);
        *at = '/';
    }
    int is_there = !NEXT(mkdir)(folder, 0777) || errno == EEXIST;
    errno = ENOENT;
    return is_there;
}

/* Return the file of the project to which a path leads that leads to nothing outside; NULL for none. */
static const struct entry *find_project_file(int dirfd, const char *path)
{
    struct resolved_path resolved;
    struct stat status;
    char inside[PATH_MAX];
    if (!path || (dirfd != AT_FDCWD && *path != '/') || !find_in_project(path, inside)
        || !NEXT(fstatat)(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) || errno != ENOENT
        || !resolve_inside(AT_FDCWD, inside, FOLLOW, &resolved) || !resolved.entry)
        return NULL;
    return resolved.entry->kind == KIND_FOLDER ? NULL : resolved.entry;
}

/* Copy a file to a path where nothing is. Another process may do the same, and none sees half of it. */
static int copy_to(const struct entry *entry, const char *path)
{
    char partial[PATH_MAX];
    if (snprintf(partial, sizeof partial, "%s.partial-%d", path, gettid()) >= (int)sizeof partial)
        return fail_with(ENAMETOOLONG);
    errno = ENOENT;
    create_project_folders(AT_FDCWD, path);
    if (copy_outside(entry, AT_FDCWD, partial))
        return -1;
    int is_there = !NEXT(linkat)(AT_FDCWD, partial, AT_FDCWD, path, 0) || errno == EEXIST;
    if (!is_there && !NEXT(renameat)(AT_FDCWD, partial, AT_FDCWD, path)) /* a file system without links */
        return 0;
    int error = errno;
    NEXT(unlinkat)(AT_FDCWD, partial, 0);
    return is_there ? 0 : fail_with(error);
}

/* With O_CREAT alone, SQLite opens databases of which it may only want to read. It reads those that it cannot write. */
int prepare_for_writing(int dirfd, const char *path, int flags)
{
    int error = errno;
    const struct entry *entry = find_project_file(dirfd, path);
    errno = error;
    if (!entry || (flags & (O_CREAT | O_EXCL | O_TRUNC)) == (O_CREAT | O_TRUNC))
        return 0;
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return fail_with(EEXIST);
    if (flags & O_CREAT && !(flags & O_APPEND))
        return fail_with(EROFS);
    return copy_to(entry, path);
}
