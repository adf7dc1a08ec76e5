#include "archive/block_cache.h"

#include "base/messages.h"
#include "base/strings.h"
#include "platform/syscalls.h"

#include <stdatomic.h>

enum { MAX_CACHED = 32 << 20 }; /* bytes; a whole tree may be too large for memory */

/* The state of a block, modulo STATES. The number grows with each change, so a reader notices every change. */
enum { EMPTY, FILLING, READY, STATES };

struct block_cache {
    uint8_t *memory;
    _Atomic uint64_t size; /* bytes of all blocks that are READY */
    _Atomic uint32_t clock_hand; /* the next block to evict when too many are kept */
    _Atomic uint32_t states[]; /* of every block of the archive, although this cache holds only some of them */
};

static struct block_cache *map_cache(const struct archive *archive, uint64_t size, int sharing)
{
    uint64_t head = sizeof(struct block_cache) + archive->index->block_count * sizeof(uint32_t);
    head = (head + LARGEST_PAGE - 1) & ~(uint64_t)(LARGEST_PAGE - 1);
    struct block_cache *cache =
        mmap_or_null(NULL, head + size, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (cache)
        cache->memory = (uint8_t *)cache + head;
    return cache;
}

int prefetch_running;

int is_prefetching(void) { return __atomic_load_n(&prefetch_running, __ATOMIC_ACQUIRE); }

void create_block_caches(struct archive *archive)
{
    archive->start_cache = map_cache(archive, archive->index->start_room, MAP_PRIVATE);
    archive->later_cache = map_cache(archive, archive->index->later_room, MAP_SHARED);
    if (archive->start_cache)
        sys_madvise(archive->start_cache, archive->index->start_room, MADV_HUGEPAGE);
}

/* Return the cache of a block; NULL if it is never kept. */
static struct block_cache *cache_of(const struct archive *archive, uint32_t number)
{
    if (archive->blocks[number].kept_offset == NOT_KEPT)
        return NULL;
    return number < archive->index->start_blocks ? archive->start_cache : archive->later_cache;
}

/* Move a block to the state that is `steps` further; return 0 if another thread or process was faster. */
static int try_advance(_Atomic uint32_t *state, uint32_t from, uint32_t steps)
{
    return atomic_compare_exchange_strong_explicit(state, &from, from + steps, memory_order_acq_rel,
                                                   memory_order_relaxed);
}

static void evict_block(const struct archive *archive, uint32_t number)
{
    struct block_cache *cache = cache_of(archive, number);
    const struct block *block = &archive->blocks[number];
    uint32_t state = cache ? atomic_load(&cache->states[number]) : EMPTY;
    if (state % STATES != READY || !try_advance(&cache->states[number], state, STATES + FILLING - READY))
        return;
    sys_madvise(cache->memory + block->kept_offset, block->raw_size,
                cache == archive->start_cache ? MADV_DONTNEED : MADV_REMOVE);
    atomic_fetch_sub(&cache->size, block->raw_size);
    atomic_fetch_add_explicit(&cache->states[number], STATES + EMPTY - FILLING, memory_order_release);
}

static void evict_surplus(const struct archive *archive)
{
    uint32_t count = archive->index->block_count;
    for (uint32_t attempts = 0; attempts < count && atomic_load(&archive->later_cache->size) > MAX_CACHED; attempts++)
        evict_block(archive, atomic_fetch_add(&archive->later_cache->clock_hand, 1) % count);
}

/* Unpack a block for all users if it is EMPTY; return its state after that. */
static uint32_t fill_block(const struct archive *archive, struct block_cache *cache, uint32_t number)
{
    const struct block *block = &archive->blocks[number];
    uint32_t state = atomic_load_explicit(&cache->states[number], memory_order_acquire);
    if (state % STATES != EMPTY || !try_advance(&cache->states[number], state, FILLING - EMPTY))
        return atomic_load_explicit(&cache->states[number], memory_order_acquire);
    atomic_fetch_add(&cache->size, block->raw_size);
    if (cache == archive->later_cache)
        evict_surplus(archive);
    unpack_block(archive, number, cache->memory + block->kept_offset);
    atomic_store_explicit(&cache->states[number], state + READY - EMPTY, memory_order_release);
    if (cache == archive->start_cache && is_prefetching())
        futex_wake_all(&cache->states[number]);
    return state + READY - EMPTY;
}

/* Return the unpacked content of an entry, and set `state` to the state of its block; NULL if it is not kept. */
static const uint8_t *find_cached(const struct archive *archive, const struct entry *entry, uint32_t *state)
{
    struct block_cache *cache = cache_of(archive, entry->block);
    if (!cache)
        return NULL;
    *state = fill_block(archive, cache, entry->block);
    while (*state % STATES == FILLING && cache == archive->start_cache && is_prefetching()) {
        futex_wait_once(&cache->states[entry->block], *state); /* it takes less time than unpacking a copy */
        *state = atomic_load_explicit(&cache->states[entry->block], memory_order_acquire);
    }
    return *state % STATES == READY ? cache->memory + archive->blocks[entry->block].kept_offset + entry->offset : NULL;
}

/* Return whether a block is still in the state that find_cached returned. */
static int is_unchanged(const struct archive *archive, uint32_t block, uint32_t state)
{
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&cache_of(archive, block)->states[block], memory_order_relaxed) == state;
}

static void *reserve_scratch(struct scratch *scratch, size_t size)
{
    if (scratch->size >= size)
        return scratch->memory;
    free_scratch(scratch);
    scratch->memory = map_anonymous(size);
    if (!scratch->memory)
        fail(EXIT_START, "not enough memory to unpack the bundle", "", "give the process more memory");
    scratch->size = size;
    sys_madvise(scratch->memory, size, MADV_HUGEPAGE);
    return scratch->memory;
}

void free_scratch(struct scratch *scratch)
{
    if (scratch->memory)
        sys_munmap(scratch->memory, scratch->size);
    *scratch = (struct scratch){0};
}

static const uint8_t *unpack_to(struct scratch *scratch, const struct archive *archive, const struct entry *entry)
{
    uint8_t *copy = reserve_scratch(scratch, archive->blocks[entry->block].raw_size);
    unpack_block(archive, entry->block, copy);
    return copy + entry->offset;
}

void read_entry(const struct archive *archive, const struct entry *entry, void *to)
{
    struct scratch scratch = {0};
    uint32_t state;
    if (entry->size == 0)
        return;
    if (entry->offset == 0 && entry->size == archive->blocks[entry->block].raw_size) {
        unpack_block(archive, entry->block, to); /* the block holds only this entry */
        return;
    }
    const uint8_t *cached = find_cached(archive, entry, &state);
    if (cached)
        memcpy(to, cached, entry->size);
    if (!cached || !is_unchanged(archive, entry->block, state))
        memcpy(to, unpack_to(&scratch, archive, entry), entry->size);
    free_scratch(&scratch);
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
    for (uint64_t offset = 0; offset < size;) {
        long written = sys_pwrite64(fd, bytes + offset, size - offset, offset);
        if (written <= 0)
            return written ? (int)written : -EIO;
        offset += (uint64_t)written;
    }
    return 0;
}

int write_entry(const struct archive *archive, const struct entry *entry, int fd, struct scratch *scratch)
{
    uint32_t state;
    if (entry->size == 0)
        return 0;
    const uint8_t *cached = find_cached(archive, entry, &state);
    int error = cached ? write_all(fd, cached, entry->size) : 0;
    if (!cached || (!error && !is_unchanged(archive, entry->block, state)))
        error = write_all(fd, unpack_to(scratch, archive, entry), entry->size);
    return error;
}

void prefetch_block(const struct archive *archive, uint32_t number)
{
    struct block_cache *cache = cache_of(archive, number);
    if (cache)
        fill_block(archive, cache, number);
}

void release_blocks(const struct archive *archive)
{
    for (uint32_t i = 0; i < archive->index->block_count; i++)
        evict_block(archive, i);
    /* The pages of the file leave this process. The kernel's page cache keeps them. */
    sys_madvise((void *)archive->file, archive->file_size, MADV_DONTNEED);
}
