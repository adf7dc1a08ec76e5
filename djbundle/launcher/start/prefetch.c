#include "start/prefetch.h"

#include "archive/block_cache.h"
#include "platform/syscalls.h"
#include "start/memory_file.h"

#include <stdatomic.h>

enum { MAX_FILES = 64, STACK_SIZE = 128 << 10 };
enum { WAITING, STARTED, READY, TAKEN }; /* the states of a file */

static struct prefetched_file {
    const struct entry *entry;
    _Atomic int state;
    int fd;
} files[MAX_FILES];

static const struct archive *archive;
static uint32_t first_count, file_count; /* the program's own libraries come first */
static struct cpus {
    uint64_t words[128]; /* 8,192 CPUs; a kernel with more refuses, and no thread is started */
    size_t size;         /* bytes of `words` in use */
} cpus;

static int try_change_state(struct prefetched_file *file, int from, int to)
{
    return atomic_compare_exchange_strong(&file->state, &from, to);
}

static void create_file(struct prefetched_file *file, struct scratch *scratch)
{
    if (!try_change_state(file, WAITING, STARTED))
        return;
    file->fd = create_memory_file(archive, file->entry, scratch);
    atomic_store_explicit(&file->state, file->fd < 0 ? TAKEN : READY, memory_order_release);
    futex_wake_all(&file->state);
}

/* The program needs its own libraries at once, and other libraries when modules import them. */
static void run_prefetch(void)
{
    struct scratch scratch = {0};
    sys_sched_setaffinity(0, cpus.size, cpus.words); /* all CPUs again: start_prefetch has allowed all but one */
    for (uint32_t i = 0; i < first_count; i++)
        create_file(&files[i], &scratch);
    for (uint32_t i = 0; i < archive->index->start_blocks; i++)
        prefetch_block(archive, i);
    for (uint32_t i = first_count; i < file_count; i++)
        create_file(&files[i], &scratch);
    free_scratch(&scratch);
}

static void add_files(uint32_t list)
{
    const uint32_t *numbers = archive->needs + list;
    for (uint32_t i = 1; i <= numbers[0] && file_count < MAX_FILES; i++)
        files[file_count++].entry = &archive->entries[numbers[i]];
}

static int find_two_cpus(void)
{
    long size = sys_sched_getaffinity(0, sizeof cpus.words, cpus.words);
    int count = 0;
    cpus.size = size > 0 ? (size_t)size : 0;
    for (size_t i = 0; i < cpus.size / sizeof *cpus.words; i++)
        for (uint64_t word = cpus.words[i]; word; word &= word - 1)
            count++;
    return count >= 2;
}

/* Without this, the two threads share one CPU for half of a start while another CPU is idle. */
static void move_from_this_cpu(int thread)
{
    struct cpus others = cpus;
    unsigned here = 0;
    sys_getcpu(&here, NULL);
    others.words[here / 64] &= ~(1ull << here % 64);
    sys_sched_setaffinity(thread, others.size, others.words);
}

void start_prefetch(const struct archive *opened)
{
    const long flags =
        CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID;
    static const uint64_t ALL_SIGNALS = ~0ULL;
    uint64_t mask;
    uint8_t *stack = find_two_cpus() ? map_anonymous(STACK_SIZE) : NULL;
    if (!stack)
        return;
    archive = opened;
    add_files(find_entry(archive, PROGRAM)->needs);
    first_count = file_count;
    add_files(archive->index->start_files);
    prefetch_running = 1;
    /* The thread inherits this mask: signals are for the program. */
    sys_rt_sigprocmask(SIG_SETMASK, &ALL_SIGNALS, &mask, sizeof mask);
    long thread = start_thread(flags, stack + STACK_SIZE, &prefetch_running, run_prefetch);
    if (thread < 0)
        prefetch_running = 0;
    else
        move_from_this_cpu((int)thread);
    sys_rt_sigprocmask(SIG_SETMASK, &mask, NULL, sizeof mask);
}

static struct prefetched_file *find_file(const struct entry *entry)
{
    for (uint32_t i = 0; i < file_count; i++)
        if (files[i].entry == entry)
            return &files[i];
    return NULL;
}

/* Take the memory file that the thread has made or is making, if no caller has taken it yet. Return its descriptor, or
 * -1 if there is none.
 */
static int take_file(const struct entry *entry)
{
    struct prefetched_file *file = find_file(entry);
    if (!file || try_change_state(file, WAITING, TAKEN))
        return -1;
    while (atomic_load(&file->state) == STARTED && is_prefetching())
        futex_wait_once(&file->state, STARTED);
    return try_change_state(file, READY, TAKEN) ? file->fd : -1;
}

int open_memory_file(const struct archive *opened, const struct entry *entry)
{
    struct scratch scratch = {0};
    int fd = take_file(entry);
    if (fd < 0)
        fd = create_memory_file(opened, entry, &scratch);
    free_scratch(&scratch);
    return fd;
}

void finish_prefetch(void)
{
    futex_wait_while(&prefetch_running, 1);
    for (uint32_t i = 0; i < file_count; i++)
        if (try_change_state(&files[i], READY, TAKEN))
            sys_close(files[i].fd);
}
