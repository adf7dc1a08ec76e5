#include "vfs.h"

#include <dirent.h>
#include <glob.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_STREAMS = 256, DOT = 0, DOT_DOT, FIRST_CHILD };

/* A list of a folder of the archive. If the project has written into a folder of that name outside, `outside` is the list
 * of that one, and comes first.
 */
struct stream {
    _Atomic int is_taken;
    DIR *outside;
    int is_outside_read;
    const struct entry *folder;
    long position;  /* of the next entry to read: DOT, DOT_DOT, FIRST_CHILD, ... */
    int fd; /* -1 until dirfd(3) asks for one */
    struct dirent64 entry;
};

/* All our streams lie in this array, so their address distinguishes them from libc's. */
static struct stream streams[MAX_STREAMS];

static struct stream *stream_of(DIR *directory)
{
    struct stream *stream = (struct stream *)directory;
    return stream >= streams && stream < streams + MAX_STREAMS ? stream : NULL;
}

static DIR *open_stream(const struct entry *folder, int fd, DIR *outside)
{
    if (folder->kind != KIND_FOLDER)
        return errno = ENOTDIR, NULL;
    for (struct stream *stream = streams; stream < streams + MAX_STREAMS; stream++)
        if (!atomic_exchange(&stream->is_taken, 1)) {
            stream->folder = folder;
            stream->position = outside ? FIRST_CHILD : DOT;
            stream->fd = fd;
            stream->outside = outside;
            stream->is_outside_read = 0;
            return (DIR *)stream;
        }
    return errno = EMFILE, NULL;
}

static DIR *open_outside(int dirfd, const char *path)
{
    if (dirfd == AT_FDCWD)
        return NEXT(opendir)(path);
    int fd = NEXT(openat64)(dirfd, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 ? NULL : NEXT(fdopendir)(fd);
}

/* Add what only the project has in a folder to the list of that folder. */
static DIR *add_project_files(DIR *outside, int dirfd, const char *path)
{
    int error = errno;
    const struct entry *folder = find_project_folder(dirfd, path);
    DIR *both = folder ? open_stream(folder, -1, outside) : NULL;
    errno = error;
    return both ? both : outside;
}

static DIR *open_folder(int dirfd, const char *path)
{
    struct resolved_path resolved;
    char buffer[PATH_MAX];
    if (!resolve_inside(dirfd, path, FOLLOW, &resolved)) {
        DIR *directory = open_outside(resolved.dirfd, resolved.path);
        if (directory)
            return add_project_files(directory, dirfd, path);
        const char *other = find_elsewhere(dirfd, path, FOLLOW, buffer);
        return other ? open_folder(AT_FDCWD, other) : NULL;
    }
    if (!resolved.entry)
        return errno = resolved.error, NULL;
    return open_stream(resolved.entry, -1, NULL);
}

EXPORT DIR *opendir(const char *path) { return open_folder(AT_FDCWD, path); }

EXPORT DIR *fdopendir(int fd)
{
    const struct entry *folder = entry_of(fd);
    if (!folder)
        return NEXT(fdopendir)(fd);
    if (fcntl(fd, F_GETFL) & O_PATH)
        return errno = EBADF, NULL;
    return open_stream(folder, fd, NULL);
}

EXPORT int closedir(DIR *directory)
{
    struct stream *stream = stream_of(directory);
    if (!stream)
        return NEXT(closedir)(directory);
    int fd = stream->fd;
    DIR *outside = stream->outside;
    atomic_store(&stream->is_taken, 0);
    if (outside)
        return NEXT(closedir)(outside);
    return fd < 0 ? 0 : close(fd);
}

EXPORT int dirfd(DIR *directory)
{
    struct stream *stream = stream_of(directory);
    if (!stream)
        return NEXT(dirfd)(directory);
    if (stream->outside)
        return NEXT(dirfd)(stream->outside);
    if (stream->fd < 0)
        stream->fd = open_entry(stream->folder, O_RDONLY | O_CLOEXEC);
    return stream->fd;
}

static const struct entry *entry_at(const struct entry *folder, long position)
{
    const struct archive *archive = launcher->archive;
    if (position == DOT)
        return folder;
    if (position == DOT_DOT)
        return &archive->entries[folder->parent];
    position -= FIRST_CHILD;
    return position < folder->child_count ? &archive->entries[folder->first_child + position] : NULL;
}

static void fill_dirent(struct dirent64 *to, const struct entry *entry, long position)
{
    struct stat status;
    fill_stat(entry, &status);
    int is_dot = position < FIRST_CHILD;
    const char *name = is_dot ? ".." : launcher->archive->names + entry->name;
    size_t length = is_dot ? (size_t)position + 1 : entry->name_length;
    length = length < sizeof to->d_name ? length : sizeof to->d_name - 1;
    to->d_ino = status.st_ino;
    to->d_off = position + 1;
    to->d_reclen = sizeof *to;
    to->d_type = (unsigned char)IFTODT(status.st_mode);
    memcpy(to->d_name, name, length);
    to->d_name[length] = 0;
}

static int is_in(DIR *directory, const char *name)
{
    struct stat status;
    int error = errno, result = !NEXT(fstatat)(NEXT(dirfd)(directory), name, &status, AT_SYMLINK_NOFOLLOW);
    errno = error;
    return result;
}

/* Return whether a list shows the entry that was filled in: outside there is none of that name, and if the list is that
 * of the folder of the start, it is of the project. At ROOT, there are also packages.
 */
static int is_shown(const struct stream *stream)
{
    const char *name = stream->entry.d_name;
    if (!stream->outside)
        return 1;
    int is_root = stream->folder == launcher->archive->entries;
    return (!is_root || is_of_project(name, strlen(name))) && !is_in(stream->outside, name);
}

EXPORT struct dirent64 *readdir64(DIR *directory)
{
    struct stream *stream = stream_of(directory);
    if (!stream)
        return NEXT(readdir64)(directory);
    struct dirent64 *first = stream->outside && !stream->is_outside_read ? NEXT(readdir64)(stream->outside) : NULL;
    if (first)
        return first;
    stream->is_outside_read = 1;
    for (const struct entry *entry; (entry = entry_at(stream->folder, stream->position));) {
        fill_dirent(&stream->entry, entry, stream->position++);
        if (is_shown(stream))
            return &stream->entry;
    }
    return NULL;
}

_Static_assert(sizeof(struct dirent) == sizeof(struct dirent64), "one structure");
EXPORT struct dirent *readdir(DIR *) __attribute__((alias("readdir64")));

EXPORT int readdir64_r(DIR *directory, struct dirent64 *entry, struct dirent64 **result)
{
    int (*next)(DIR *, struct dirent64 *, struct dirent64 **) = dlsym(RTLD_NEXT, "readdir64_r");
    if (!stream_of(directory))
        return next(directory, entry, result);
    struct dirent64 *current = readdir64(directory);
    *result = current ? entry : NULL;
    if (current)
        *entry = *current;
    return 0;
}
EXPORT int readdir_r(DIR *, struct dirent *, struct dirent **) __attribute__((alias("readdir64_r")));

EXPORT void rewinddir(DIR *directory)
{
    struct stream *stream = stream_of(directory);
    if (stream && !stream->outside) {
        stream->position = DOT;
        return;
    }
    if (stream) {
        stream->position = FIRST_CHILD;
        stream->is_outside_read = 0;
    }
    NEXT(rewinddir)(stream ? stream->outside : directory);
}

EXPORT long telldir(DIR *directory)
{
    struct stream *stream = stream_of(directory);
    return stream ? stream->position : NEXT(telldir)(directory);
}

EXPORT void seekdir(DIR *directory, long position)
{
    struct stream *stream = stream_of(directory);
    if (stream)
        stream->position = position;
    else
        NEXT(seekdir)(directory, position);
}

/* scandir(3): libc's own opens the folder without calling our functions. */

typedef int selector(const struct dirent64 *);
typedef int comparator(const struct dirent64 **, const struct dirent64 **);

static int read_entries(DIR *directory, struct dirent64 ***list, selector *select)
{
    struct dirent64 *entry, **longer;
    int count = 0;
    for (*list = NULL; (entry = readdir64(directory)); count++) {
        if (select && !select(entry)) {
            count--;
            continue;
        }
        longer = realloc(*list, ((size_t)count + 1) * sizeof **list);
        if (!longer || !((*list = longer)[count] = malloc(sizeof *entry)))
            return -1;
        *(*list)[count] = *entry;
    }
    return count;
}

EXPORT int scandirat64(int dirfd, const char *path, struct dirent64 ***list, selector *select, comparator *compare)
{
    struct resolved_path resolved;
    char buffer[PATH_MAX];
    if (!resolve_inside(dirfd, path, FOLLOW, &resolved)) {
        const char *other = NULL;
        if (!find_project_folder(dirfd, path)) {
            int count = NEXT(scandirat64)(resolved.dirfd, resolved.path, list, select, compare);
            other = count < 0 ? find_elsewhere(dirfd, path, FOLLOW, buffer) : NULL;
            if (!other)
                return count;
        }
        if (other)
            return scandirat64(AT_FDCWD, other, list, select, compare);
    }
    DIR *directory = open_folder(dirfd, path);
    if (!directory)
        return -1;
    int count = read_entries(directory, list, select);
    closedir(directory);
    if (count > 0 && compare)
        qsort(*list, (size_t)count, sizeof **list, (int (*)(const void *, const void *))compare);
    return count;
}
EXPORT int scandir64(const char *path, struct dirent64 ***list, selector *select, comparator *compare)
{
    return scandirat64(AT_FDCWD, path, list, select, compare);
}
EXPORT int scandirat(int, const char *, struct dirent ***, int (*)(const struct dirent *),
                     int (*)(const struct dirent **, const struct dirent **)) __attribute__((alias("scandirat64")));
EXPORT int scandir(const char *, struct dirent ***, int (*)(const struct dirent *),
                   int (*)(const struct dirent **, const struct dirent **)) __attribute__((alias("scandir64")));

/* glob(3) accepts functions that replace its own. */
static void glob_close(void *directory) { closedir(directory); }
static struct dirent64 *glob_read(void *directory) { return readdir64(directory); }
static void *glob_open(const char *path) { return opendir(path); }

EXPORT int glob64(const char *pattern, int flags, int (*on_error)(const char *, int), glob64_t *result)
{
    if (flags & GLOB_ALTDIRFUNC || !launcher)
        return NEXT(glob64)(pattern, flags, on_error, result);
    result->gl_closedir = glob_close;
    result->gl_readdir = glob_read;
    result->gl_opendir = glob_open;
    result->gl_lstat = lstat64;
    result->gl_stat = stat64;
    int error = NEXT(glob64)(pattern, flags | GLOB_ALTDIRFUNC, on_error, result);
    result->gl_flags &= ~GLOB_ALTDIRFUNC;
    return error;
}
_Static_assert(sizeof(glob_t) == sizeof(glob64_t), "one structure");
EXPORT int glob(const char *, int, int (*)(const char *, int), glob_t *) __attribute__((alias("glob64")));
