/* The archive of a bundle: its file mapped to memory, its index checked, its blocks unpacked on demand.
 *
 * Once open nothing of it changes but the blocks that are kept unpacked (see blocks.h), so that any thread, and any
 * process forked from this one, may use it at any time.
 */
#ifndef ARCHIVE_H
#define ARCHIVE_H

#include "archive/format.h"

#include <stddef.h>
#include <stdint.h>

#define PROGRAM "_main" /* the entry that a bundle starts */

struct kept_blocks;

struct archive {
    const uint8_t *file;
    size_t file_size;
    struct footer footer; /* a copy: in the file it lies at any address */
    const struct index *index;
    const struct block *blocks;
    const struct entry *entries;
    const uint32_t *needs;
    const char *names;
    struct kept_blocks *start, *later; /* unpacked blocks, see blocks.h; NULL for none */
};

/* Map the file at `path` and check its footer, its launcher and its index; ends the process with EXIT_TRUNCATED or
 * EXIT_DAMAGED when something is wrong with them.
 */
void open_archive(struct archive *archive, const char *path);

/* Compare every byte of the file with the checksum in the footer; ends the process with EXIT_DAMAGED. */
void verify_archive(const struct archive *archive);

/* Unpack a block, whose raw_size bytes go to `to`; ends the process when the block is damaged. */
void unpack_block(const struct archive *archive, uint32_t block, void *to);

/* The entry called by the `length` bytes of `name` in a folder; NULL when there is none. */
const struct entry *find_child(const struct archive *archive, const struct entry *folder, const char *name,
                               size_t length);

/* The entry at a path relative to the root, without "." or ".."; NULL when there is none. */
const struct entry *find_entry(const struct archive *archive, const char *path);

#endif
