#include "start/trusted_folder.h"

#include "base/strings.h"
#include "platform/syscalls.h"

#define PROC_SELF_FD "/proc/self/fd/"

enum { MAX_LINKS = 40 }; /* in one path, as in Linux; path_resolution(7) */

/* A walk along a path from the root of the file system. */
struct path_walk {
    int fd;               /* of the folder that the walk has reached */
    unsigned root_owner;  /* the owner of "/" controls the machine; in a user namespace that may not be user 0 */
    int links;            /* symbolic links followed so far */
    char rest[PATH_SIZE]; /* still to walk */
};

/* Return whether only this user or root could have created the file. */
static int is_trusted(const struct path_walk *walk, const struct stat *status)
{
    return status->st_uid == sys_geteuid() || status->st_uid == 0 || status->st_uid == walk->root_owner;
}

/* Return whether no other user can replace what is in the folder. In a sticky folder, others may only add files. */
static int is_safe(const struct path_walk *walk, const struct stat *status)
{
    return is_trusted(walk, status) && (!(status->st_mode & (S_IWGRP | S_IWOTH)) || status->st_mode & S_ISVTX);
}

static int go_to_root(struct path_walk *walk)
{
    struct stat status;
    if (walk->fd >= 0)
        sys_close(walk->fd);
    walk->fd = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    int error = walk->fd < 0 ? walk->fd : sys_fstat(walk->fd, &status);
    if (!error)
        walk->root_owner = status.st_uid;
    return error;
}

/* Open `name`; create a private folder first if nothing has that name. */
static int open_or_create(int dirfd, const char *name)
{
    int fd = sys_openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd != -ENOENT)
        return fd;
    sys_mkdirat(dirfd, name, 0700);
    return sys_openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
}

/* Put the target of the open link in front of the path that is still to walk. */
static int follow_link(struct path_walk *walk, int link)
{
    char target[PATH_SIZE];
    long length = sys_readlinkat(link, "", target, sizeof target - 1);
    if (length < 0 || ++walk->links > MAX_LINKS)
        return -ELOOP;
    target[length] = 0;
    if (!join_strings(target, target, "/", walk->rest))
        return -ENAMETOOLONG;
    memcpy(walk->rest, target, string_length(target) + 1);
    return *target == '/' ? go_to_root(walk) : 0;
}

static int walk_component(struct path_walk *walk, const char *name)
{
    struct stat status;
    int next = open_or_create(walk->fd, name);
    int error = next < 0 ? next : sys_fstat(next, &status);
    if (!error && (status.st_mode & S_IFMT) == S_IFLNK) {
        error = is_trusted(walk, &status) ? follow_link(walk, next) : -EPERM;
    } else if (!error) {
        error = (status.st_mode & S_IFMT) != S_IFDIR ? -ENOTDIR : is_safe(walk, &status) ? 0 : -EPERM;
        sys_close(walk->fd);
        walk->fd = next;
        return error;
    }
    if (next >= 0)
        sys_close(next);
    return error;
}

/* Take the first name off the path that is still to walk; return 0 if there is none. */
static int take_component(struct path_walk *walk, char *name)
{
    size_t begin = 0, length = 0;
    while (walk->rest[begin] == '/')
        begin++;
    while (walk->rest[begin + length] && walk->rest[begin + length] != '/')
        length++;
    memcpy(name, walk->rest + begin, length);
    name[length] = 0;
    memmove(walk->rest, walk->rest + begin + length, string_length(walk->rest + begin + length) + 1);
    return length > 0;
}

/* Start the walk; a relative path starts at the working folder. */
static int begin_walk(struct path_walk *walk, const char *path)
{
    long length = *path == '/' ? 0 : sys_readlinkat(AT_FDCWD, "/proc/self/cwd", walk->rest, PATH_SIZE - 1);
    walk->fd = -1;
    walk->links = 0;
    if (length < 0)
        return (int)length;
    walk->rest[length] = 0;
    return join_strings(walk->rest, walk->rest, length ? "/" : "", path) ? go_to_root(walk) : -ENAMETOOLONG;
}

int open_trusted_folder(char *path)
{
    static struct path_walk walk;
    struct stat status;
    char name[PATH_SIZE], fd_path[sizeof PROC_SELF_FD + NUMBER_SIZE];
    int error = begin_walk(&walk, path);
    while (!error && take_component(&walk, name))
        error = walk_component(&walk, name);
    int fd = error ? -1 : sys_openat(walk.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (walk.fd >= 0)
        sys_close(walk.fd);
    if (fd < 0)
        return -1;
    append_number(append(fd_path, PROC_SELF_FD), (unsigned)fd);
    long length = sys_readlinkat(AT_FDCWD, fd_path, path, PATH_SIZE - 1);
    if (length > 0 && sys_fstat(fd, &status) == 0 && is_trusted(&walk, &status)
        && !(status.st_mode & (S_IWGRP | S_IWOTH))) {
        path[length] = 0;
        return fd;
    }
    sys_close(fd);
    return -1;
}
