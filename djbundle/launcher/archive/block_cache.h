/* The block caches: blocks that are kept unpacked.
 *
 * The blocks of the start lie in private memory of this process. A forked process shares these pages until one of the
 * two writes to them, which hardly happens after the start. All other blocks lie in memory that is shared by all forked
 * processes. Each of them is unpacked once for all.
 *
 * There is no lock. A thread that finds a block empty marks it as its own by a compare-and-swap, and unpacks it. Other
 * threads that need the block meanwhile unpack a copy for themselves. A reader copies the bytes, and then checks that
 * the state of the block has not changed (a sequence lock). No process waits for another, so each may be killed or
 * forked at any moment.
 */
#ifndef BLOCK_CACHE_H
#define BLOCK_CACHE_H

#include "archive/archive.h"

/* Reserve memory for the blocks of an archive. Each stays packed until its first use. Without memory, none is kept. */
void create_block_caches(struct archive *archive);

/* Copy the content of a file or link, entry->size bytes, to `to`. */
void read_entry(const struct archive *archive, const struct entry *entry, void *to);

/* Memory to unpack to, which one caller after another reuses; {NULL, 0} before the first use. */
struct scratch {
    void *memory;
    size_t size;
};

void free_scratch(struct scratch *scratch);

/* Write the content of a file to a descriptor; return 0, or minus errno. It touches no new page of a mapping except
 * those of `scratch`, so other threads can go on mapping.
 */
int write_entry(const struct archive *archive, const struct entry *entry, int fd, struct scratch *scratch);

/* 1 while the thread of start/prefetch.h runs. The kernel sets it to 0 when the thread has ended. */
extern int prefetch_running;
int is_prefetching(void);

/* Unpack a block before its first use. */
void prefetch_block(const struct archive *archive, uint32_t block);

/* Return the memory of all blocks to the system. A block that is needed later is unpacked again. */
void release_blocks(const struct archive *archive);

#endif
