/* The archive of a bundle: its file mapped to memory, its index checked, its blocks unpacked on demand.
 *
 * Once the archive is open, only the blocks that are kept unpacked change (see block_cache.h). So any thread, and any
 * process forked from this one, may use the archive at any time.
 */
#ifndef ARCHIVE_H
#define ARCHIVE_H

#include "archive/format.h"

#include <stddef.h>
#include <stdint.h>

struct block_cache;

struct archive {
    const uint8_t *file;
    size_t file_size;
    struct footer footer; /* a copy: in the file, its address may not be aligned */
    const struct index *index;
    const struct block *blocks;
    const struct entry *entries;
    const uint32_t *needs;
    const char *names;
    struct block_cache *start_cache, *later_cache; /* unpacked blocks, see block_cache.h; NULL for none */
};

/* Map the file at `path` and check its footer, its launcher and its index. End the process with EXIT_TRUNCATED or
 * EXIT_DAMAGED if one of them is wrong.
 */
void open_archive(struct archive *archive, const char *path);

/* Check the whole file against the checksum in the footer. End the process with EXIT_DAMAGED if they differ. */
void verify_archive(const struct archive *archive);

/* Unpack a block, raw_size bytes, to `to`. End the process if the block is damaged. */
void unpack_block(const struct archive *archive, uint32_t block, void *to);

/* Return the entry in a folder whose name is the `length` bytes of `name`; NULL if there is none. */
const struct entry *find_child(const struct archive *archive, const struct entry *folder, const char *name,
                               size_t length);

/* Return the entry at a path relative to the root, without "." or ".."; NULL if there is none. */
const struct entry *find_entry(const struct archive *archive, const char *path);

#endif
