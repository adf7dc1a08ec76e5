#include "start/extract.h"

#include "archive/block_cache.h"
#include "base/messages.h"
#include "base/strings.h"
#include "contract.h"
#include "platform/syscalls.h"
#include "start/memory_start.h"
#include "start/trusted_folder.h"

#define EXECUTABLE_PREFIX EXECUTABLE_VARIABLE "="
#define PARTIAL_PREFIX ".partial-" /* prefix of a tree that is being written; the next start removes leftovers */

/* Open the folder that holds the trees of all bundles. The candidates are tried in the order of ARCHITECTURE.md. */
static int open_base(char **environment, const char *requested, char *base)
{
    const char *cache = get_variable(environment, "XDG_CACHE_HOME="), *home = get_variable(environment, "HOME=");
    char user[NUMBER_SIZE + 1];
    int fd = -1;
    append_number(user, sys_geteuid());
    if (requested) {
        if (join_strings(base, requested, "", "") && (fd = open_trusted_folder(base)) >= 0)
            return fd;
        fail(EXIT_NO_FOLDER, "cannot unpack to ", requested,
             "name a folder of yours, such that no other user may write to it or to a folder above it");
    }
    if (cache && join_strings(base, cache, "/djbundle", "") && (fd = open_trusted_folder(base)) >= 0)
        return fd;
    if (home && join_strings(base, home, "/.cache/djbundle", "") && (fd = open_trusted_folder(base)) >= 0)
        return fd;
    if (join_strings(base, "/var/cache/djbundle", "", "") && (fd = open_trusted_folder(base)) >= 0)
        return fd;
    if (join_strings(base, "/tmp/djbundle-", user, "") && (fd = open_trusted_folder(base)) >= 0)
        return fd;
    fail(EXIT_NO_FOLDER, "there is no folder to unpack to", "", "name one that you can write to with --extract DIR");
}

/* Remove a folder and everything in it; `name` is relative to `dirfd`. */
static void remove_tree(int dirfd, const char *name)
{
    char buffer[4096] __attribute__((aligned(8)));
    long size;
    int fd = sys_openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    while (fd >= 0 && (size = sys_getdents64(fd, buffer, sizeof buffer)) > 0)
        for (long at = 0; at < size;) {
            struct linux_dirent64 *entry = (struct linux_dirent64 *)(buffer + at);
            int is_dot =
                entry->d_name[0] == '.' && (!entry->d_name[1] || (entry->d_name[1] == '.' && !entry->d_name[2]));
            if (!is_dot && sys_unlinkat(fd, entry->d_name, 0) == -EISDIR)
                remove_tree(fd, entry->d_name);
            at += entry->d_reclen;
        }
    if (fd >= 0)
        sys_close(fd);
    sys_unlinkat(dirfd, name, AT_REMOVEDIR);
}

/* Remove the partial trees of starts that were killed. Only the holder of the lock writes partial trees. */
static void remove_partial_trees(int base)
{
    char buffer[4096] __attribute__((aligned(8)));
    long size;
    int fd = sys_openat(base, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    while (fd >= 0 && (size = sys_getdents64(fd, buffer, sizeof buffer)) > 0)
        for (long at = 0; at < size;) {
            struct linux_dirent64 *entry = (struct linux_dirent64 *)(buffer + at);
            if (string_starts_with(entry->d_name, PARTIAL_PREFIX))
                remove_tree(base, entry->d_name);
            at += entry->d_reclen;
        }
    if (fd >= 0)
        sys_close(fd);
}

static int write_file(int tree, const char *name, const uint8_t *bytes, uint64_t size, int mode)
{
    int fd = sys_openat(tree, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return fd;
    while (size) {
        long written = sys_write(fd, bytes, size);
        if (written <= 0) {
            sys_close(fd);
            return written ? (int)written : -EIO;
        }
        bytes += written;
        size -= (uint64_t)written;
    }
    return sys_close(fd);
}

static int write_link(int tree, const char *name, const uint8_t *bytes, uint64_t size)
{
    char target[PATH_SIZE];
    if (size >= sizeof target)
        return -ENAMETOOLONG;
    memcpy(target, bytes, size);
    target[size] = 0;
    return sys_symlinkat(target, tree, name);
}

/* Return the path of an entry relative to the root; NULL if it does not fit. It stands at the end of the buffer. */
static const char *path_of(const struct archive *archive, const struct entry *entry, char path[PATH_SIZE])
{
    char *begin = path + PATH_SIZE - 1;
    *begin = 0;
    for (; entry != archive->entries; entry = &archive->entries[entry->parent]) {
        if (begin - path < entry->name_length + 1)
            return NULL;
        begin -= entry->name_length;
        memcpy(begin, archive->names + entry->name, entry->name_length);
        *--begin = '/';
    }
    return *begin ? begin + 1 : NULL;
}

static int extract_entry(int tree, const struct archive *archive, const struct entry *entry, const uint8_t *block)
{
    char buffer[PATH_SIZE];
    const char *path = path_of(archive, entry, buffer);
    if (!path)
        return -ENAMETOOLONG;
    if (entry->kind == KIND_FOLDER)
        return sys_mkdirat(tree, path, 0700);
    if (entry->kind == KIND_LINK)
        return write_link(tree, path, block + entry->offset, entry->size);
    return write_file(tree, path, block + entry->offset, entry->size, entry->kind == KIND_EXECUTABLE ? 0500 : 0400);
}

static int write_folders(int tree, const struct archive *archive)
{
    int error = 0;
    for (uint32_t i = 1; i < archive->index->entry_count && !error; i++)
        if (archive->entries[i].kind == KIND_FOLDER)
            error = extract_entry(tree, archive, &archive->entries[i], NULL);
    return error;
}

static int write_files_of_block(int tree, const struct archive *archive, uint32_t number)
{
    size_t raw_size = archive->blocks[number].raw_size;
    uint8_t *raw = map_anonymous(raw_size + 1);
    int error = raw ? 0 : -ENOMEM;
    if (raw)
        unpack_block(archive, number, raw);
    for (uint32_t i = 0; i < archive->index->entry_count && !error; i++)
        if (archive->entries[i].kind != KIND_FOLDER && archive->entries[i].block == number)
            error = extract_entry(tree, archive, &archive->entries[i], raw);
    sys_munmap(raw, raw_size + 1);
    return error;
}

static int write_tree(int tree, const struct archive *archive)
{
    int error = write_folders(tree, archive);
    for (uint32_t i = 0; i < archive->index->block_count && !error; i++)
        error = write_files_of_block(tree, archive, i);
    /* A crash of the machine after the rename must not leave empty files behind. */
    return error ? error : sys_syncfs(tree);
}

/* Write the tree beside its final name, then rename it, so that it exists whole or not at all. */
static void unpack(const struct archive *archive, int base, const char *base_path, const char *name)
{
    char partial[PATH_SIZE];
    verify_archive(archive);
    join_strings(partial, PARTIAL_PREFIX, name, "");
    sys_mkdirat(base, partial, 0700);
    int tree = sys_openat(base, partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    int error = tree < 0 ? tree : write_tree(tree, archive);
    if (error == 0)
        error = sys_renameat(base, partial, base, name);
    if (error == 0)
        return;
    remove_tree(base, partial);
    if (error == -ENOSPC || error == -EDQUOT)
        fail(EXIT_WRITE, "the disk is full: cannot unpack to ", base_path,
             "free some room, or name another folder with --extract DIR");
    fail(EXIT_WRITE, "cannot unpack to ", base_path, "name another folder with --extract DIR");
}

static void write_tree_name(const struct archive *archive, char name[33])
{
    static const char HEX[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++)
        name[i] = HEX[archive->footer.sha256[i / 2] >> (i % 2 ? 0 : 4) & 15];
    name[32] = 0;
}

/* Write the path of the unpacked tree to `tree`; unpack the tree first if it does not exist. */
static void find_or_unpack_tree(const struct archive *archive, char **environment, const char *requested, char *tree)
{
    char base_path[PATH_SIZE], name[33];
    write_tree_name(archive, name);
    int base = open_base(environment, requested, base_path);
    if (!join_strings(tree, base_path, "/", name))
        fail(EXIT_NO_FOLDER, "the path is too long: ", base_path, "name a shorter one with --extract DIR");
    int existing = sys_openat(base, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (existing < 0) {
        sys_flock(base, LOCK_EX); /* a second start waits here and then finds the tree */
        existing = sys_openat(base, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    }
    if (existing < 0) {
        remove_partial_trees(base);
        unpack(archive, base, base_path, name);
    } else {
        sys_close(existing);
    }
    sys_close(base);
}

/* The host's preloads are built for the host's libc and would crash ours. */
static int is_host_variable(const char *variable)
{
    return string_starts_with(variable, "LD_PRELOAD=") || string_starts_with(variable, "LD_AUDIT=")
           || string_starts_with(variable, EXECUTABLE_PREFIX);
}

static char **build_environment(char **environment)
{
    static char executable[sizeof EXECUTABLE_PREFIX + PATH_SIZE] = EXECUTABLE_PREFIX;
    char **result = map_anonymous((count_strings(environment) + 2) * sizeof *result), **to = result;
    long length = sys_readlinkat(AT_FDCWD, "/proc/self/exe", executable + sizeof EXECUTABLE_PREFIX - 1, PATH_SIZE - 1);
    if (!result || length < 0)
        fail(EXIT_START, "not enough memory", "", "give the process more memory");
    for (; *environment; environment++)
        if (!is_host_variable(*environment))
            *to++ = *environment;
    *to = executable;
    return result;
}

/* The tree's own loader starts the program, so nothing of the host's libc is used; see ld.so(8):
 *
 *     TREE/LOADER --inhibit-cache --library-path TREE/_lib --preload vfs.so --argv0 ./shop TREE/_main ARGUMENTS...
 */
_Noreturn void start_from_folder(const struct archive *archive, const struct process *process, const char *folder)
{
    static char tree[PATH_SIZE], loader[PATH_SIZE], libraries[PATH_SIZE], program[PATH_SIZE];
    find_or_unpack_tree(archive, process->environment, folder, tree);
    char *head[] = {process->argv[0], "--inhibit-cache", "--library-path", libraries, "--preload", VFS,
                    "--argv0",        process->argv[0],  program};
    size_t count = sizeof head / sizeof *head;
    char **arguments = map_anonymous(((size_t)process->argc + count) * sizeof *arguments);
    if (!arguments || !join_strings(loader, tree, "/" LOADER, "") || !join_strings(libraries, tree, "/" LIBRARIES, "")
        || !join_strings(program, tree, "/" PROGRAM, ""))
        fail(EXIT_START, "the path is too long: ", tree, "name a shorter one with --extract DIR");
    memcpy(arguments, head, sizeof head);
    memcpy(arguments + count, process->argv + 1, (size_t)process->argc * sizeof *arguments); /* with the NULL */
    int error = sys_execve(loader, arguments, build_environment(process->environment));
    if (error == -EACCES)
        fail(EXIT_START, "the kernel may not run programs from ", tree,
             "it is mounted noexec: name a folder on another disk with --extract DIR");
    fail(EXIT_START, "the kernel refuses to start ", loader, "remove its folder; the next start unpacks it again");
}
