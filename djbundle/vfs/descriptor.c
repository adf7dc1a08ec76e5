#include "vfs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* Each caller gets a new descriptor of the memory file, with a position of its own. The memory files of the latest
 * entries are kept open, so a static file is not unpacked for each request. Other code may have closed such a
 * descriptor, as daemons close all descriptors, and its number may now be another file. So each descriptor is checked
 * before its use.
 */
enum { CACHE_SIZE = 16 };

static struct {
    const struct entry *entry;
    int fd;
    unsigned last_use;
} cache[CACHE_SIZE];
static unsigned use_count;
static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;

/* The device of all memory files; 0 until there is one. A descriptor on another device needs no search for an entry. */
static _Atomic dev_t memory_device;

static void acquire_lock(void) { pthread_mutex_lock(&cache_lock); }
static void release_lock(void) { pthread_mutex_unlock(&cache_lock); }
void register_fork_handlers(void) { pthread_atfork(acquire_lock, release_lock, release_lock); }

const struct entry *entry_of_status(const struct stat *status)
{
    dev_t device = atomic_load_explicit(&memory_device, memory_order_relaxed);
    if (!device || status->st_dev != device)
        return NULL;
    const struct index *index = launcher->archive->index;
    if ((uint64_t)status->st_mtim.tv_sec != index->built || status->st_mtim.tv_nsec >= index->entry_count)
        return NULL;
    return &launcher->archive->entries[status->st_mtim.tv_nsec];
}

const struct entry *entry_of(int fd)
{
    struct stat status;
    if (!atomic_load_explicit(&memory_device, memory_order_relaxed))
        return NULL;
    return NEXT(fstat)(fd, &status) ? NULL : entry_of_status(&status);
}

static int open_memory_fd(const struct entry *entry)
{
    struct stat status;
    int fd = launcher->open_memory_file(launcher->archive, entry);
    if (fd < 0)
        return fail_with(-fd);
    if (!atomic_load_explicit(&memory_device, memory_order_relaxed) && NEXT(fstat)(fd, &status) == 0)
        atomic_store(&memory_device, status.st_dev);
    return fd;
}

void write_fd_path(int fd, char path[FD_PATH_SIZE]) { snprintf(path, FD_PATH_SIZE, "/proc/self/fd/%d", fd); }

void write_own_fd_path(int fd, char path[FD_PATH_SIZE])
{
    snprintf(path, FD_PATH_SIZE, "/proc/%d/fd/%d", getpid(), fd);
}

/* Return the index in `cache` for an entry: its own, or that of the least recently used entry. */
static int find_slot(const struct entry *entry)
{
    int oldest = 0;
    for (int i = 0; i < CACHE_SIZE; i++) {
        if (cache[i].entry == entry)
            return i;
        if (cache[i].last_use < cache[oldest].last_use)
            oldest = i;
    }
    return oldest;
}

/* Return the memory file of an entry; create it if there is none. The caller holds the lock. */
static int get_cached_fd_locked(const struct entry *entry)
{
    int slot = find_slot(entry);
    cache[slot].last_use = ++use_count;
    if (cache[slot].entry && entry_of(cache[slot].fd) == cache[slot].entry) {
        if (cache[slot].entry == entry)
            return cache[slot].fd;
        close(cache[slot].fd);
    }
    int fd = open_memory_fd(entry);
    cache[slot].entry = fd < 0 ? NULL : entry;
    cache[slot].fd = fd;
    return fd;
}

int get_cached_fd(const struct entry *entry)
{
    acquire_lock();
    int fd = get_cached_fd_locked(entry);
    release_lock();
    return fd;
}

static int open_without_cache(const struct entry *entry, int flags)
{
    char path[FD_PATH_SIZE];
    int memory_fd = launcher->open_memory_file(launcher->archive, entry);
    if (memory_fd < 0)
        return fail_with(-memory_fd);
    write_fd_path(memory_fd, path);
    int fd = NEXT(openat64)(AT_FDCWD, path, flags);
    close(memory_fd);
    return fd;
}

int open_entry(const struct entry *entry, int flags)
{
    char path[FD_PATH_SIZE];
    flags &= ~(O_CREAT | O_EXCL | O_DIRECTORY | O_NOFOLLOW);
    if (is_child_of_vfork())
        return open_without_cache(entry, flags);
    acquire_lock();
    int cached_fd = get_cached_fd_locked(entry), fd = -1;
    if (cached_fd >= 0) {
        write_fd_path(cached_fd, path);
        fd = NEXT(openat64)(AT_FDCWD, path, flags);
    }
    release_lock();
    return fd;
}
