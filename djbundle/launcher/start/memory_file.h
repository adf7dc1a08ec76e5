/* Files of the archive as memory files of the kernel: sealed and without a path (memfd_create(2)). */
#ifndef MEMORY_FILE_H
#define MEMORY_FILE_H

#include "archive/archive.h"
#include "archive/block_cache.h"

/* Return the descriptor of a new file with the content of the entry, or empty for a folder; minus errno if the kernel
 * refuses.
 *
 * The file's modification time identifies the entry: the seconds are the time of all entries, the nanoseconds are the
 * number of the entry.
 */
int create_memory_file(const struct archive *archive, const struct entry *entry, struct scratch *scratch);

#endif
