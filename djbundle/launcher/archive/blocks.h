/* Blocks that are kept unpacked.
 *
 * The blocks of the start lie in private memory of this process. A fork shares it until a process writes to it, and so
 * in practice for good. All other blocks lie in memory that this process shares with those that it forks before
 * or after. Each of them is unpacked once for all processes.
 *
 * There is no lock. A thread that finds a block empty takes it by a compare-and-swap and unpacks it. Other threads that
 * need the block meanwhile unpack a copy of their own. A reader copies the bytes out and then checks that the state of
 * the block has not changed (a sequence lock). So a process may be killed or forked at any moment: none waits for it.
 */
#ifndef BLOCKS_H
#define BLOCKS_H

#include "archive/archive.h"

/* Reserve memory for the blocks of an archive, all still packed. If the memory is refused, no block is ever kept. */
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

/* The id of the thread that unpacks blocks ahead of use, see start/ahead.h. The kernel sets it to 0 at its end. */
extern int prefetch_running;
int is_prefetching(void);

/* Unpack a block ahead of its use. */
void prefetch_block(const struct archive *archive, uint32_t block);

/* Return the memory of all blocks to the system. A block that is needed later is unpacked again. */
void release_blocks(const struct archive *archive);

#endif
