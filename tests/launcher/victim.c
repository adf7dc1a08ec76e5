/* Opens bundles that may be damaged or hostile, and uses everything in them. Launcher and virtual root are compiled
 * into this program, so that sanitizers check both.
 *
 *     victim flip FILE          changes one bit of each byte, one byte after the other
 *     victim look FILE...       reads each entry, by the launcher's functions and through libc's
 *     victim unpack DIR FILE... unpacks each into a folder, and runs it from there
 *
 * Each bundle has its own process. The process may exit with 0, as with a bundle that works, or with one of the
 * launcher's exit codes. Anything else, and a run longer than MAX_SECONDS, is reported on stdout.
 */
#define _GNU_SOURCE
#include "archive/archive.h"
#include "archive/block_cache.h"
#include "platform/process.h"
#include "start/prefetch.h"
#include "start/extract.h"
#include "start/launcher_interface.h"
#include "start/memory_start.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_SECONDS = 20, MAX_DEPTH = 40 /* folders; deeper ones lead back */ };
enum { FIRST_CODE = 60, LAST_CODE = 69 };

void remember_owner(void); /* of vfs/owner.c */

const struct launcher_interface *launcher; /* defined by vfs/start.c in a bundle */

static struct archive archive;
static unsigned budget = 20000; /* files and folders to read: a hostile folder may contain itself a thousand times */

static void *copy_of(const void *bytes, size_t size) { return memcpy(malloc(size ? size : 1), bytes, size); }

/* Copies the index to the heap, where the sanitizer detects every access out of bounds. */
static void fence_index(void)
{
    const struct index *index = archive.index;
    archive.blocks = copy_of(archive.blocks, index->block_count * sizeof(struct block));
    archive.entries = copy_of(archive.entries, index->entry_count * sizeof(struct entry));
    archive.needs = copy_of(archive.needs, index->needs_count * sizeof(uint32_t));
    archive.names = copy_of(archive.names, index->names_size);
    archive.index = copy_of(index, sizeof *index);
}

static void read_all_entries(void)
{
    for (uint32_t i = 0; i < archive.index->entry_count; i++) {
        const struct entry *entry = &archive.entries[i];
        if (entry->kind == KIND_FOLDER)
            continue;
        char *content = malloc(entry->size + 1UL);
        read_entry(&archive, entry, content);
        free(content);
        int fd = open_memory_file(&archive, entry);
        if (fd >= 0)
            close(fd);
        if (i % 7 == 0)
            release_blocks(&archive);
    }
}

static void look_at(const char *path, int depth);

static void look_into(const char *path, int depth)
{
    char child[PATH_MAX];
    struct dirent *entry;
    DIR *folder = opendir(path);
    while (folder && (entry = readdir(folder)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")
            && snprintf(child, sizeof child, "%s/%s", path, entry->d_name) < (int)sizeof child)
            look_at(child, depth + 1);
    if (folder)
        closedir(folder);
}

static void read_file(const char *path)
{
    char bytes[4096];
    FILE *stream = fopen(path, "r");
    while (stream && fread(bytes, 1, sizeof bytes, stream) == sizeof bytes)
        ;
    if (stream)
        fclose(stream);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd >= 0 && fstat(fd, &status) == 0)
        pread(fd, bytes, sizeof bytes, status.st_size / 2);
    if (fd >= 0)
        close(fd);
}

static void look_at(const char *path, int depth)
{
    struct stat status;
    char target[PATH_MAX];
    if (budget == 0 || depth > MAX_DEPTH)
        return;
    budget--;
    stat(path, &status);
    access(path, X_OK);
    readlink(path, target, sizeof target);
    free(realpath(path, NULL));
    if (lstat(path, &status))
        return;
    if (S_ISDIR(status.st_mode))
        look_into(path, depth);
    else
        read_file(path);
    char *name = strrchr(path, '/');
    snprintf(target, sizeof target, "%.*s/../%s", (int)(name - path), path, name + 1);
    stat(target, &status);
}

static void look(void)
{
    static struct launcher_interface interface;
    fence_index();
    read_all_entries();
    interface = (struct launcher_interface){
        .archive = &archive,
        .find_child = find_child,
        .read_entry = read_entry,
        .open_memory_file = open_memory_file,
        .release_blocks = release_blocks,
    };
    launcher = &interface;
    look_at("/djb", 0);
    if (chdir("/djb/folder") == 0)
        look_at("../folder", 0);
    chdir("/");
}

static struct process own_process(void)
{
    static char *arguments[] = {"victim", NULL}, *environment[] = {"PATH=/bin", NULL};
    static Elf64_auxv_t vector[] = {{AT_NULL, {0}}};
    return (struct process){1, arguments, environment, vector};
}

static _Noreturn void use(const char *how, const char *file, const char *folder)
{
    struct process process = own_process();
    alarm(MAX_SECONDS);
    open_archive(&archive, file);
    create_block_caches(&archive);
    if (!strcmp(how, "unpack"))
        start_from_folder(&archive, &process, folder);
    look();
    _exit(0);
}

/* Returns 1 if the process ended as it must not, and reports it as `name`; otherwise 0. */
static int watch(const char *name, const char *how, const char *file, const char *folder, int may_work)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (!child)
        use(how, file, folder);
    waitpid(child, &status, 0);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    if ((code == 0 && may_work) || (code >= FIRST_CODE && code <= LAST_CODE))
        return 0;
    printf("%s ended with %d\n", name, code);
    return 1;
}

static int flip_all(const char *path)
{
    char name[64], copy_path[64];
    int failures = 0, original = open(path, O_RDONLY), copy = memfd_create("copy", 0);
    struct stat status;
    fstat(original, &status);
    ftruncate(copy, status.st_size);
    char *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, copy, 0);
    pread(original, bytes, (size_t)status.st_size, 0);
    snprintf(copy_path, sizeof copy_path, "/proc/self/fd/%d", copy);
    for (off_t at = 0; at < status.st_size; at++) {
        char bit = (char)(1 << (at % 8));
        bytes[at] ^= bit;
        snprintf(name, sizeof name, "byte %ld", at);
        failures += watch(name, "look", copy_path, NULL, 0);
        bytes[at] ^= bit;
    }
    return failures;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    remember_owner();
    if (!strcmp(argv[1], "flip"))
        return flip_all(argv[2]) != 0;
    int unpacks = !strcmp(argv[1], "unpack"), failures = 0;
    for (int i = unpacks ? 3 : 2; i < argc; i++)
        failures += watch(argv[i], argv[1], argv[i], argv[2], 1);
    return failures != 0;
}
