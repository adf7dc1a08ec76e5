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
enum { KEPT = 16 };

static struct {
    const struct entry *entry;
    int descriptor;
    unsigned used;
} kept[KEPT];
static unsigned clock_hand;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The device of all memory files; 0 until there is one. A descriptor on another device needs no search for an entry. */
static _Atomic dev_t memory_device;

static void take_lock(void) { pthread_mutex_lock(&lock); }
static void leave_lock(void) { pthread_mutex_unlock(&lock); }
void register_fork_handlers(void) { pthread_atfork(take_lock, leave_lock, leave_lock); }

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

const struct entry *entry_of(int descriptor)
{
    struct stat status;
    if (!atomic_load_explicit(&memory_device, memory_order_relaxed))
        return NULL;
    return NEXT(fstat)(descriptor, &status) ? NULL : entry_of_status(&status);
}

static int create(const struct entry *entry)
{
    struct stat status;
    int descriptor = launcher->open_memory_file(launcher->archive, entry);
    if (descriptor < 0)
        return failed(-descriptor);
    if (!atomic_load_explicit(&memory_device, memory_order_relaxed) && NEXT(fstat)(descriptor, &status) == 0)
        atomic_store(&memory_device, status.st_dev);
    return descriptor;
}

void write_descriptor_path(int descriptor, char path[DESCRIPTOR_PATH_SIZE])
{
    snprintf(path, DESCRIPTOR_PATH_SIZE, "/proc/self/fd/%d", descriptor);
}

/* Return the index in `kept` for an entry: its own, or that of the least recently used entry. */
static int place_for(const struct entry *entry)
{
    int oldest = 0;
    for (int i = 0; i < KEPT; i++) {
        if (kept[i].entry == entry)
            return i;
        if (kept[i].used < kept[oldest].used)
            oldest = i;
    }
    return oldest;
}

/* Return the memory file of an entry; create it if there is none. Call it with the lock held. */
static int keep(const struct entry *entry)
{
    int place = place_for(entry);
    kept[place].used = ++clock_hand;
    if (kept[place].entry && entry_of(kept[place].descriptor) == kept[place].entry) {
        if (kept[place].entry == entry)
            return kept[place].descriptor;
        close(kept[place].descriptor);
    }
    int descriptor = create(entry);
    kept[place].entry = descriptor < 0 ? NULL : entry;
    kept[place].descriptor = descriptor;
    return descriptor;
}

int keep_entry(const struct entry *entry)
{
    take_lock();
    int descriptor = keep(entry);
    leave_lock();
    return descriptor;
}

int open_entry(const struct entry *entry, int flags)
{
    char path[DESCRIPTOR_PATH_SIZE];
    take_lock();
    int kept_descriptor = keep(entry), descriptor = -1;
    if (kept_descriptor >= 0) {
        write_descriptor_path(kept_descriptor, path);
        descriptor = NEXT(openat64)(AT_FDCWD, path, flags & ~(O_CREAT | O_EXCL | O_DIRECTORY | O_NOFOLLOW));
    }
    leave_lock();
    return descriptor;
}
