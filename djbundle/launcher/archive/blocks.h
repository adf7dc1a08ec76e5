/* Blocks that are kept unpacked.
 *
 * Those of the start lie in memory of this process, which a fork shares until somebody writes to it, that is, for
 * good. All others lie in memory that this process shares with those that it forks before or after: each is unpacked
 * once for all of them.
 *
 * There is no lock. Whoever finds a block empty takes it by a compare-and-swap and unpacks it; others who want it
 * meanwhile unpack a copy of their own. A reader copies bytes out and then looks whether the block is still the one
 * that it began with (a sequence lock). So a process may be killed or forked at any moment: nobody waits for it.
 */
#ifndef BLOCKS_H
#define BLOCKS_H

#include "archive/archive.h"

/* Give an archive room for its blocks, none of them unpacked yet. Where memory is refused, none is ever kept. */
void make_room(struct archive *archive);

/* Copy the content of a file or link, entry->size bytes, to `to`. */
void read_entry(const struct archive *archive, const struct entry *entry, void *to);

/* Memory to unpack to, for one caller after the other; {NULL, 0} before the first. */
struct scratch {
    void *memory;
    size_t size;
};

void drop_scratch(struct scratch *scratch);

/* Write the content of a file to a descriptor; 0, or minus errno. No page of a mapping is touched for it but those of
 * `scratch`, so that other threads can go on mapping.
 */
int write_entry(const struct archive *archive, const struct entry *entry, int fd, struct scratch *scratch);

/* The id of the thread that unpacks blocks ahead of their use, see start/ahead.h; the kernel sets it to 0 when that ends. */
extern int reading_ahead;
int is_reading_ahead(void);

/* Unpack a block ahead of its use. */
void unpack_ahead(const struct archive *archive, uint32_t block);

/* Give the memory of all blocks back to the system; one that is wanted later is unpacked again. */
void release_blocks(const struct archive *archive);

#endif
