/* Copies of files of the archive in the data directory, for programs that do not see ROOT.
 *
 * They lie in "materialized/KEY", where KEY is the checksum of the bundle, under their names in the tree. Only this user
 * can read or write there. A copy is made when a program first gets its path, together with what lies in its folder,
 * since a script may use the files beside it.
 *
 * A child of vfork(2) makes copies too. So nothing here writes to a variable that outlives the call.
 */
#include "vfs.h"

#include <stdio.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define PARTIAL ".partial-"

enum { KEY_SIZE = 33, MAX_FILES = 1000, MAX_BYTES = 16 << 20 }; /* of a folder that is copied with all that is in it */

static char data_path[PATH_MAX]; /* without links; empty for none */
static char copies_path[PATH_MAX];

static void write_key(char key[KEY_SIZE])
{
    static const char HEX[] = "0123456789abcdef";
    for (int i = 0; i < KEY_SIZE - 1; i++)
        key[i] = HEX[launcher->archive->footer.sha256[i / 2] >> (i % 2 ? 0 : 4) & 15];
    key[KEY_SIZE - 1] = 0;
}

EXPORT void djbundle_make_copies_in(const char *data)
{
    char key[KEY_SIZE];
    if (!launcher || strlen(data) + sizeof COPIES_FOLDER + KEY_SIZE + 2 > PATH_MAX)
        return;
    write_key(key);
    strcpy(data_path, data);
    snprintf(copies_path, sizeof copies_path, "%.3900s/" COPIES_FOLDER "/%s", data, key);
}

const char *data_directory(size_t *length)
{
    *length = strlen(data_path);
    return *length ? data_path : NULL;
}

const struct entry *entry_of_copy(const char *path)
{
    char inside[PATH_MAX];
    struct resolved_path resolved;
    size_t length = strlen(copies_path);
    if (!length || strncmp(path, copies_path, length) || (path[length] && path[length] != '/')
        || strlen(path + length) + sizeof ROOT > sizeof inside)
        return NULL;
    stpcpy(stpcpy(inside, ROOT), path + length);
    return resolve_inside(AT_FDCWD, inside, FOLLOW, &resolved) ? resolved.entry : NULL;
}

static int write_copy_path(const struct entry *entry, char path[PATH_MAX])
{
    char inside[PATH_MAX];
    if (!*copies_path)
        return fail_with(ENOENT);
    int length = write_path(entry, inside, sizeof inside);
    if (length < 0 || strlen(copies_path) + (size_t)length >= PATH_MAX)
        return fail_with(ENAMETOOLONG);
    stpcpy(stpcpy(path, copies_path), inside + sizeof ROOT - 1);
    return 0;
}

static void copy_name(const struct entry *entry, char name[NAME_MAX + 1])
{
    memcpy(name, launcher->archive->names + entry->name, entry->name_length);
    name[entry->name_length] = 0;
}

static int close_with_error(int fd)
{
    int error = errno;
    close(fd);
    return fail_with(error);
}

/* Open a folder of this user; create it if it does not exist. One that another user has put there is refused. */
static int open_own(int dirfd, const char *name)
{
    struct stat status;
    NEXT(mkdirat)(dirfd, name, 0700);
    int fd = NEXT(openat64)(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || NEXT(fstat)(fd, &status))
        return fd < 0 ? -1 : close_with_error(fd);
    if (status.st_uid == geteuid())
        return fd;
    close(fd);
    return fail_with(EPERM);
}

/* Return the descriptor of a folder if other users can neither write to it nor pass through it; else -1. */
static int check_private(int fd)
{
    struct stat status;
    if (fd < 0 || NEXT(fstat)(fd, &status))
        return -1;
    if (!(status.st_mode & 077))
        return fd;
    close(fd);
    return fail_with(EPERM);
}

static int open_below(int folder, const char *name)
{
    int fd = folder < 0 ? -1 : open_own(folder, name);
    if (folder >= 0)
        close(folder);
    return fd;
}

/* Open the folder of copies of this bundle. The data directory belongs to this user or to root. */
static int open_copies(void)
{
    char key[KEY_SIZE];
    struct stat status;
    NEXT(mkdir)(data_path, 0700); /* a command may need it before the first `serve` */
    int data = NEXT(openat64)(AT_FDCWD, data_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (data < 0)
        return -1;
    if (NEXT(fstat)(data, &status) || (status.st_uid && status.st_uid != geteuid())) {
        close(data);
        return fail_with(EPERM);
    }
    write_key(key);
    return open_below(check_private(open_below(data, COPIES_FOLDER)), key);
}

/* Open the copy of a folder; create it and those above it if they do not exist. */
static int open_copy_of_folder(const struct entry *folder)
{
    const struct archive *archive = launcher->archive;
    char name[NAME_MAX + 1];
    if (folder == archive->entries)
        return open_copies();
    copy_name(folder, name);
    return open_below(open_copy_of_folder(&archive->entries[folder->parent]), name);
}

int write_content(const struct entry *entry, int fd)
{
    int memory_fd = launcher->open_memory_file(launcher->archive, entry);
    if (memory_fd < 0)
        return fail_with(-memory_fd);
    for (off_t at = 0; at < (off_t)entry->size;)
        if (sendfile(fd, memory_fd, &at, entry->size - (size_t)at) <= 0)
            return close_with_error(memory_fd);
    return close(memory_fd);
}

static int write_file(int dirfd, const char *name, const struct entry *entry)
{
    char partial[sizeof PARTIAL + 16];
    snprintf(partial, sizeof partial, PARTIAL "%d", gettid());
    NEXT(unlinkat)(dirfd, partial, 0); /* of a process that was killed */
    int fd = NEXT(openat64)(dirfd, partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    struct stat status;
    fill_stat(entry, &status);
    int is_written = !write_content(entry, fd) && !NEXT(fchmod)(fd, entry->kind == KIND_EXECUTABLE ? 0500 : 0400)
                     && !NEXT(futimens)(fd, (struct timespec[]){status.st_atim, status.st_mtim});
    if (is_written && !close(fd) && !NEXT(renameat)(dirfd, partial, dirfd, name))
        return 0;
    int error = errno;
    if (!is_written)
        close(fd);
    NEXT(unlinkat)(dirfd, partial, 0);
    return fail_with(error);
}

static int write_link(int dirfd, const char *name, const struct entry *entry)
{
    char target[PATH_MAX];
    if (entry->size >= sizeof target)
        return fail_with(ENAMETOOLONG);
    launcher->read_entry(launcher->archive, entry, target);
    target[entry->size] = 0;
    return NEXT(symlinkat)(target, dirfd, name) && errno != EEXIST ? -1 : 0; /* another process makes copies too */
}

/* Make the copy of a file or link in the open folder, unless it is there. One that a program has changed is made again. */
static int copy_file(int dirfd, const struct entry *entry)
{
    char name[NAME_MAX + 1];
    struct stat status, original;
    copy_name(entry, name);
    fill_stat(entry, &original);
    int is_there = !NEXT(fstatat)(dirfd, name, &status, AT_SYMLINK_NOFOLLOW);
    if (entry->kind == KIND_LINK)
        return is_there ? 0 : write_link(dirfd, name, entry);
    if (is_there && S_ISREG(status.st_mode) && status.st_size == original.st_size
        && status.st_mtim.tv_sec == original.st_mtim.tv_sec)
        return 0;
    return write_file(dirfd, name, entry);
}

/* The root holds the packages and the standard library too. Only what belongs to the project counts as its content. */
static int is_content(const struct entry *folder, const struct entry *child)
{
    const struct archive *archive = launcher->archive;
    return folder != archive->entries || is_of_project(archive->names + child->name, child->name_length);
}

#define FOR_EACH_CHILD(child, folder) \
    for (const struct entry *child = launcher->archive->entries + (folder)->first_child, *const end_of_##child = \
                                                                                             child \
                                                                                             + (folder)->child_count; \
         child < end_of_##child; child++) \
        if (is_content(folder, child))

/* Add the content of a folder to the two counts; return whether they are small enough to copy all of it. */
static int is_small(const struct entry *folder, uint64_t *files, uint64_t *bytes)
{
    FOR_EACH_CHILD(child, folder)
    {
        *bytes += child->kind == KIND_FOLDER ? 0 : child->size;
        if (++*files > MAX_FILES || *bytes > MAX_BYTES
            || (child->kind == KIND_FOLDER && !is_small(child, files, bytes)))
            return 0;
    }
    return 1;
}

static int copy_content(int dirfd, const struct entry *folder)
{
    char name[NAME_MAX + 1];
    FOR_EACH_CHILD(child, folder)
    {
        copy_name(child, name);
        int fd = child->kind == KIND_FOLDER ? open_own(dirfd, name) : -1;
        if (child->kind == KIND_FOLDER ? fd < 0 || copy_content(fd, child) : copy_file(dirfd, child))
            return fd < 0 ? -1 : close_with_error(fd);
        if (fd >= 0)
            close(fd);
    }
    return 0;
}

int make_copy(const struct entry *entry, const struct entry **copied, char path[PATH_MAX])
{
    const struct entry *folder = entry->kind == KIND_FOLDER ? entry : &launcher->archive->entries[entry->parent];
    uint64_t files = 0, bytes = 0;
    int fd = write_copy_path(entry, path) ? -1 : open_copy_of_folder(folder);
    if (fd < 0)
        return -1;
    if (*copied != folder && is_small(folder, &files, &bytes) && copy_content(fd, folder))
        return close_with_error(fd);
    *copied = folder;
    if (entry != folder && copy_file(fd, entry))
        return close_with_error(fd);
    return close(fd);
}
