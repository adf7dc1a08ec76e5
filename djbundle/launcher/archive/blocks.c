#include "archive/blocks.h"

#include "base/text.h"
#include "platform/syscalls.h"

#include <stdatomic.h>

enum { MOST_KEPT = 32 << 20 }; /* bytes; a whole tree may be too large for memory */

/* The state of a block, modulo STATES. The number grows with each change, so a reader notices every change. */
enum { EMPTY, TAKEN, READY, STATES };

struct kept_blocks {
    uint8_t *room;
    _Atomic uint64_t size; /* bytes of all blocks that are READY */
    _Atomic uint32_t hand; /* the next block to release when too many are kept */
    _Atomic uint32_t states[]; /* of every block of the archive, although this room holds only some of them */
};

static struct kept_blocks *map_room(const struct archive *archive, uint64_t size, int sharing)
{
    uint64_t head = sizeof(struct kept_blocks) + archive->index->block_count * sizeof(uint32_t);
    head = (head + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    struct kept_blocks *kept =
        mmap_or_null(NULL, head + size, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (kept)
        kept->room = (uint8_t *)kept + head;
    return kept;
}

int reading_ahead;

int is_reading_ahead(void) { return __atomic_load_n(&reading_ahead, __ATOMIC_ACQUIRE); }

void make_room(struct archive *archive)
{
    archive->start = map_room(archive, archive->index->start_room, MAP_PRIVATE);
    archive->later = map_room(archive, archive->index->later_room, MAP_SHARED);
    if (archive->start)
        sys_madvise(archive->start, archive->index->start_room, MADV_HUGEPAGE);
}

/* Return where a block is kept; NULL if it is never kept. */
static struct kept_blocks *keeper_of(const struct archive *archive, uint32_t number)
{
    if (archive->blocks[number].kept_offset == NOT_KEPT)
        return NULL;
    return number < archive->index->start_blocks ? archive->start : archive->later;
}

/* Move a block to the state that is `steps` further; return 0 if another thread or process was faster. */
static int move(_Atomic uint32_t *state, uint32_t from, uint32_t steps)
{
    return atomic_compare_exchange_strong_explicit(state, &from, from + steps, memory_order_acq_rel,
                                                   memory_order_relaxed);
}

static void give_back(const struct archive *archive, uint32_t number)
{
    struct kept_blocks *kept = keeper_of(archive, number);
    const struct block *block = &archive->blocks[number];
    uint32_t state = kept ? atomic_load(&kept->states[number]) : EMPTY;
    if (state % STATES != READY || !move(&kept->states[number], state, STATES + TAKEN - READY))
        return;
    sys_madvise(kept->room + block->kept_offset, block->raw_size, kept == archive->start ? MADV_DONTNEED : MADV_REMOVE);
    atomic_fetch_sub(&kept->size, block->raw_size);
    atomic_fetch_add_explicit(&kept->states[number], STATES + EMPTY - TAKEN, memory_order_release);
}

static void give_surplus_back(const struct archive *archive)
{
    uint32_t count = archive->index->block_count;
    for (uint32_t tries = 0; tries < count && atomic_load(&archive->later->size) > MOST_KEPT; tries++)
        give_back(archive, atomic_fetch_add(&archive->later->hand, 1) % count);
}

/* Unpack a block for all users if it is EMPTY; return its state after that. */
static uint32_t fill(const struct archive *archive, struct kept_blocks *kept, uint32_t number)
{
    const struct block *block = &archive->blocks[number];
    uint32_t state = atomic_load_explicit(&kept->states[number], memory_order_acquire);
    if (state % STATES != EMPTY || !move(&kept->states[number], state, TAKEN - EMPTY))
        return atomic_load_explicit(&kept->states[number], memory_order_acquire);
    atomic_fetch_add(&kept->size, block->raw_size);
    if (kept == archive->later)
        give_surplus_back(archive);
    unpack_block(archive, number, kept->room + block->kept_offset);
    atomic_store_explicit(&kept->states[number], state + READY - EMPTY, memory_order_release);
    return state + READY - EMPTY;
}

/* Return where the content of an entry is kept, and set `state` to that of its block; NULL if it is not kept. */
static const uint8_t *find_kept(const struct archive *archive, const struct entry *entry, uint32_t *state)
{
    struct kept_blocks *kept = keeper_of(archive, entry->block);
    if (!kept)
        return NULL;
    *state = fill(archive, kept, entry->block);
    while (*state % STATES == TAKEN && kept == archive->start && is_reading_ahead()) {
        sys_sched_yield(); /* waiting takes less time than unpacking a copy */
        *state = atomic_load_explicit(&kept->states[entry->block], memory_order_acquire);
    }
    return *state % STATES == READY ? kept->room + archive->blocks[entry->block].kept_offset + entry->offset : NULL;
}

/* Return whether a block is still in the state that find_kept returned. */
static int is_still(const struct archive *archive, uint32_t block, uint32_t state)
{
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&keeper_of(archive, block)->states[block], memory_order_relaxed) == state;
}

static void *room_in(struct scratch *scratch, size_t size)
{
    if (scratch->size >= size)
        return scratch->memory;
    drop_scratch(scratch);
    scratch->memory = map_anonymous(size);
    if (!scratch->memory)
        fail(EXIT_START, "not enough memory to unpack the bundle", "", "give the process more memory");
    scratch->size = size;
    sys_madvise(scratch->memory, size, MADV_HUGEPAGE);
    return scratch->memory;
}

void drop_scratch(struct scratch *scratch)
{
    if (scratch->memory)
        sys_munmap(scratch->memory, scratch->size);
    *scratch = (struct scratch){0};
}

static const uint8_t *unpack_to(struct scratch *scratch, const struct archive *archive, const struct entry *entry)
{
    uint8_t *copy = room_in(scratch, archive->blocks[entry->block].raw_size);
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
    const uint8_t *kept = find_kept(archive, entry, &state);
    if (kept)
        memcpy(to, kept, entry->size);
    if (!kept || !is_still(archive, entry->block, state))
        memcpy(to, unpack_to(&scratch, archive, entry), entry->size);
    drop_scratch(&scratch);
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
    const uint8_t *kept = find_kept(archive, entry, &state);
    int error = kept ? write_all(fd, kept, entry->size) : 0;
    if (!kept || (!error && !is_still(archive, entry->block, state)))
        error = write_all(fd, unpack_to(scratch, archive, entry), entry->size);
    return error;
}

void unpack_ahead(const struct archive *archive, uint32_t number)
{
    struct kept_blocks *kept = keeper_of(archive, number);
    if (kept)
        fill(archive, kept, number);
}

void release_blocks(const struct archive *archive)
{
    for (uint32_t i = 0; i < archive->index->block_count; i++)
        give_back(archive, i);
    /* The pages of the file leave this process. The kernel's page cache keeps them. */
    sys_madvise((void *)archive->file, archive->file_size, MADV_DONTNEED);
}
