/* Files of the archive as files of the kernel: without a name in any folder, in memory, sealed (memfd_create(2)). */
#ifndef MEMORY_FILE_H
#define MEMORY_FILE_H

#include "archive/archive.h"
#include "archive/blocks.h"

/* A descriptor of a new file with the content of the entry, or empty for a folder; minus errno when refused.
 *
 * Its time of change tells which entry it is: the seconds are those of all entries, the nanoseconds its number.
 */
int make_memory_file(const struct archive *archive, const struct entry *entry, struct scratch *scratch);

#endif
