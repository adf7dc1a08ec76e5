#include "vfs.h"

#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define UNLOCKED PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP /* a library's constructor may load other libraries */

static pthread_mutex_t load_lock = UNLOCKED;

static void acquire_lock(void) { pthread_mutex_lock(&load_lock); }
static void release_lock(void) { pthread_mutex_unlock(&load_lock); }
/* In a child, the owner of the lock would be another thread. */
static void reset_lock(void) { load_lock = (pthread_mutex_t)UNLOCKED; }

/* Write a path of the descriptor that is different in every call. The loader distinguishes libraries by their path, and
 * the descriptor's number will be used again. So the path contains a counter in binary: "/" is 0 and "./" is 1.
 */
static void write_unique_path(int fd, char path[PATH_MAX])
{
    static _Atomic unsigned count;
    char *end = stpcpy(path, "/proc/self/fd/");
    for (unsigned number = atomic_fetch_add(&count, 1) + 1; number; number >>= 1)
        end = stpcpy(end, number & 1 ? "./" : "/");
    snprintf(end, 16, "%d", fd);
}

/* Give a loaded library its true name. We may free the old one, as the loader does in dlclose (dl-close.c of glibc). */
static void name_library(struct link_map *library, const struct entry *entry, int is_allocated)
{
    char path[PATH_MAX];
    char *name = write_path(entry, path, sizeof path) < 0 ? NULL : strdup(path);
    if (!name)
        return;
    if (is_allocated)
        free(library->l_name);
    library->l_name = name;
}

void name_preloaded_libraries(void)
{
    char path[FD_PATH_SIZE];
    pthread_atfork(acquire_lock, release_lock, reset_lock);
    for (uint32_t i = 0; i < launcher->preloaded_count; i++) {
        const struct preloaded *preloaded = &launcher->preloaded[i];
        write_fd_path(preloaded->fd, path);
        for (struct link_map *library = _r_debug.r_map; library; library = library->l_next)
            if (!strcmp(library->l_name, path))
                name_library(library, &launcher->archive->entries[preloaded->entry], 0);
        close(preloaded->fd);
    }
}

static int unpack(const struct entry *entry) { return launcher->open_memory_file(launcher->archive, entry); }

static void *load_new(const struct entry *entry, int fd, int mode)
{
    char path[PATH_MAX];
    if (fd < 0)
        return NEXT(dlopen)("/proc/self/fd/-1", mode); /* fails, so that dlerror(3) has the loader's own error */
    write_unique_path(fd, path);
    void *library = NEXT(dlopen)(path, mode);
    close(fd);
    if (library)
        name_library(library, entry, 1);
    return library;
}

static void *find_loaded(const struct entry *entry, int mode)
{
    char path[PATH_MAX];
    return write_path(entry, path, sizeof path) < 0 ? NULL : NEXT(dlopen)(path, mode | RTLD_NOLOAD);
}

/* Load one library. `unpacked` is its memory file, or negative if it is not unpacked yet. */
static void *load_one(const struct entry *entry, int unpacked, int mode)
{
    void *library = find_loaded(entry, mode);
    if (library || mode & RTLD_NOLOAD) {
        if (unpacked >= 0)
            close(unpacked);
        return library;
    }
    dlerror(); /* clear it: not being loaded yet is not an error */
    return load_new(entry, unpacked < 0 ? unpack(entry) : unpacked, mode);
}

/* Unpack a library that is not loaded yet; return its memory file, or a negative number if there is nothing to load.
 * This runs without the lock, so other threads can load libraries meanwhile.
 */
static int unpack_if_new(const struct entry *entry, int mode)
{
    void *library = find_loaded(entry, mode);
    if (library)
        dlclose(library);
    else
        dlerror();
    return library || mode & RTLD_NOLOAD ? -1 : unpack(entry);
}

/* Load a library after the libraries that it needs. Those stay loaded. So the loader finds them by name and does not
 * search for them.
 */
static void *load(const struct entry *entry, int mode)
{
    const uint32_t *needs = launcher->archive->needs + entry->needs;
    void *library = NULL;
    int has_all_needs = 1;
    int unpacked = unpack_if_new(entry, mode);
    acquire_lock();
    for (uint32_t i = 1; i <= needs[0] && has_all_needs && !(mode & RTLD_NOLOAD); i++)
        has_all_needs = !!load_one(&launcher->archive->entries[needs[i]], -1, RTLD_LAZY);
    if (has_all_needs)
        library = load_one(entry, unpacked, mode);
    else if (unpacked >= 0)
        close(unpacked);
    release_lock();
    return library;
}

EXPORT void *dlopen(const char *name, int mode)
{
    struct resolved_path resolved;
    const struct archive *archive = launcher ? launcher->archive : NULL;
    if (!archive || !name || !*name)
        return NEXT(dlopen)(name, mode);
    if (!strchr(name, '/')) {
        const struct entry *folder = launcher->find_child(archive, archive->entries, LIBRARIES, strlen(LIBRARIES));
        const struct entry *entry = folder ? launcher->find_child(archive, folder, name, strlen(name)) : NULL;
        return entry ? load(entry, mode) : NEXT(dlopen)(name, mode);
    }
    if (!resolve_inside(AT_FDCWD, name, FOLLOW, &resolved)) {
        char buffer[PATH_MAX];
        struct stat status;
        int is_missing = NEXT(fstatat)(AT_FDCWD, resolved.path, &status, 0);
        const char *other = is_missing ? find_elsewhere(AT_FDCWD, name, FOLLOW, buffer) : NULL;
        return other ? dlopen(other, mode) : NEXT(dlopen)(resolved.path, mode);
    }
    return resolved.entry && resolved.entry->kind != KIND_FOLDER ? load(resolved.entry, mode)
                                                                 : NEXT(dlopen)(name, mode);
}
