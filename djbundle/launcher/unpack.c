#include "unpack.h"

#include "system.h"
#include "text.h"

#define PARTIAL ".partial-" /* prefix of a tree that is being written; leftovers are swept by the next start */

static const char *variable(char **environment, const char *name_and_equals)
{
    for (; *environment; environment++)
        if (text_starts_with(*environment, name_and_equals)) {
            const char *value = *environment + text_length(name_and_equals);
            return *value ? value : NULL;
        }
    return NULL;
}

/* Make `path` and the folders above it, private to this user where they are new. */
static void make_folders(const char *path)
{
    char part[PATH_SIZE];
    size_t length = text_length(path);
    for (size_t i = 1; i <= length && i < PATH_SIZE; i++)
        if (path[i] == '/' || path[i] == 0) {
            memcpy(part, path, i);
            part[i] = 0;
            make_folder_at(AT_FDCWD, part, 0700);
        }
}

/* A folder that only this user (or root) can have filled, opened; or -1. Another's files must never be run. */
static int open_own_folder(const char *path)
{
    struct stat status;
    make_folders(path);
    long fd = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (status_of((int)fd, &status) == 0 && (status.st_mode & 022) == 0
        && (status.st_uid == (unsigned)user_id() || status.st_uid == 0))
        return (int)fd;
    close_file((int)fd);
    return -1;
}

static void write_number(char *out, unsigned number)
{
    char digits[12];
    int count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (count)
        *out++ = digits[--count];
    *out = 0;
}

/* The folder that holds the trees of all bundles, tried in the order of the README. */
static int open_base(char **environment, char *base)
{
    const char *asked = variable(environment, "DJBUNDLE_EXTRACT=");
    const char *cache = variable(environment, "XDG_CACHE_HOME="), *home = variable(environment, "HOME=");
    char user[12];
    int fd = -1;
    write_number(user, (unsigned)user_id());
    if (asked) {
        if (join(base, asked, "", "") && (fd = open_own_folder(base)) >= 0)
            return fd;
        fail(EXIT_NO_FOLDER, "cannot unpack to DJBUNDLE_EXTRACT=", asked,
             "name a folder that you own and nobody else may write to");
    }
    if (cache && join(base, cache, "/djbundle", "") && (fd = open_own_folder(base)) >= 0)
        return fd;
    if (home && join(base, home, "/.cache/djbundle", "") && (fd = open_own_folder(base)) >= 0)
        return fd;
    if (join(base, "/var/cache/djbundle", "", "") && (fd = open_own_folder(base)) >= 0)
        return fd;
    if (join(base, "/tmp/djbundle-", user, "") && (fd = open_own_folder(base)) >= 0)
        return fd;
    fail(EXIT_NO_FOLDER, "there is no folder to unpack to", "", "set DJBUNDLE_EXTRACT to a folder that you can write to");
}

/* Remove a folder and all below it; `name` is relative to `folder`. */
static void remove_tree(int folder, const char *name)
{
    char buffer[4096] __attribute__((aligned(8)));
    long size, fd = open_at(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    while (fd >= 0 && (size = read_folder((int)fd, buffer, sizeof buffer)) > 0)
        for (long at = 0; at < size;) {
            struct directory_entry *entry = (struct directory_entry *)(buffer + at);
            int dots = entry->name[0] == '.' && (!entry->name[1] || (entry->name[1] == '.' && !entry->name[2]));
            if (!dots && unlink_at((int)fd, entry->name, 0) == -EISDIR)
                remove_tree((int)fd, entry->name);
            at += entry->length;
        }
    if (fd >= 0)
        close_file((int)fd);
    unlink_at(folder, name, AT_REMOVEDIR);
}

/* Remove what a start that was killed left behind. Only the holder of the lock writes partial trees. */
static void sweep(int base)
{
    char buffer[4096] __attribute__((aligned(8)));
    long size, fd = open_at(base, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    while (fd >= 0 && (size = read_folder((int)fd, buffer, sizeof buffer)) > 0)
        for (long at = 0; at < size;) {
            struct directory_entry *entry = (struct directory_entry *)(buffer + at);
            if (text_starts_with(entry->name, PARTIAL))
                remove_tree(base, entry->name);
            at += entry->length;
        }
    if (fd >= 0)
        close_file((int)fd);
}

static int write_file(int tree, const char *name, const uint8_t *bytes, uint64_t size, int mode)
{
    long fd = open_at(tree, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return (int)fd;
    while (size) {
        long written = write_bytes((int)fd, bytes, size);
        if (written <= 0) {
            close_file((int)fd);
            return written ? (int)written : -EIO;
        }
        bytes += written;
        size -= (uint64_t)written;
    }
    return (int)close_file((int)fd);
}

static int write_link(int tree, const char *name, const uint8_t *bytes, uint64_t size)
{
    char target[PATH_SIZE];
    if (size >= sizeof target)
        return -ENAMETOOLONG;
    memcpy(target, bytes, size);
    target[size] = 0;
    return (int)make_link_at(target, tree, name);
}

static int write_entry(int tree, const struct archive *archive, const struct entry *entry, const uint8_t *bytes)
{
    char name[PATH_SIZE];
    if (entry->name_length >= sizeof name || entry->name_offset > archive->names_size
        || entry->name_length > archive->names_size - entry->name_offset
        || entry->offset > archive->raw_size || entry->size > archive->raw_size - entry->offset)
        return -EBADMSG;
    memcpy(name, archive->names + entry->name_offset, entry->name_length);
    name[entry->name_length] = 0;
    if (entry->kind == KIND_FOLDER)
        return (int)make_folder_at(tree, name, 0700);
    if (entry->kind == KIND_LINK)
        return write_link(tree, name, bytes + entry->offset, entry->size);
    return write_file(tree, name, bytes + entry->offset, entry->size, entry->kind == KIND_EXECUTABLE ? 0500 : 0400);
}

static int write_tree(const struct bundle *bundle, int tree)
{
    struct archive archive = open_archive(bundle);
    const uint8_t *bytes = unpack_blocks(bundle, &archive);
    for (uint32_t i = 0; i < archive.entry_count; i++) {
        int error = write_entry(tree, &archive, &archive.entries[i], bytes);
        if (error < 0)
            return error;
    }
    /* A crash of the machine after the rename must not leave empty files behind. */
    return (int)flush_file_system(tree);
}

/* Lay the tree out beside its final name, then rename it: it is there whole or not at all. */
static void unpack(const struct bundle *bundle, int base, const char *base_path, const char *name)
{
    char partial[PATH_SIZE];
    int error;
    verify_bundle(bundle);
    join(partial, PARTIAL, name, "");
    make_folder_at(base, partial, 0700);
    long tree = open_at(base, partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    error = tree < 0 ? (int)tree : write_tree(bundle, (int)tree);
    if (error == 0)
        error = (int)rename_at(base, partial, name);
    if (error == 0)
        return;
    remove_tree(base, partial);
    if (error == -ENOSPC || error == -EDQUOT)
        fail(EXIT_WRITE, "the disk is full: cannot unpack to ", base_path,
             "free some room, or set DJBUNDLE_EXTRACT to a folder on another disk");
    fail(EXIT_WRITE, "cannot unpack to ", base_path, "set DJBUNDLE_EXTRACT to a folder on another disk");
}

void find_or_unpack_tree(const struct bundle *bundle, char **environment, char *tree)
{
    static const char HEX[] = "0123456789abcdef";
    char base_path[PATH_SIZE], name[33];
    struct stat status;
    for (int i = 0; i < 32; i++)
        name[i] = HEX[bundle->footer->sha256[i / 2] >> (i % 2 ? 0 : 4) & 15];
    name[32] = 0;
    int base = open_base(environment, base_path);
    if (!join(tree, base_path, "/", name))
        fail(EXIT_NO_FOLDER, "the path is too long: ", base_path, "set DJBUNDLE_EXTRACT to a shorter one");
    long ready = open_at(base, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (ready < 0) {
        lock_file(base, LOCK_EX); /* a second start waits here and then finds the tree */
        ready = open_at(base, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    }
    if (ready < 0) {
        sweep(base);
        unpack(bundle, base, base_path, name);
    } else if (status_of((int)ready, &status) < 0) {
        fail(EXIT_NO_FOLDER, "cannot read ", tree, "remove it; the next start unpacks it again");
    }
    if (ready >= 0)
        close_file((int)ready);
    close_file(base);
}
