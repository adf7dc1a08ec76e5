/* A thread that unpacks the content which every start reads, while the program already begins to read it.
 *
 * The thread uses nothing that a fork could leave locked. It ends before the program forks for the first time, see
 * finish_prefetch.
 */
#ifndef PREFETCH_H
#define PREFETCH_H

#include "archive/archive.h"

/* Start the thread if there is a second CPU for it. */
void start_prefetch(const struct archive *archive);

/* Return a memory file of the entry: the one that the thread has made or is making, if no caller has taken it yet, else
 * a new one. Return minus errno if the kernel refuses.
 */
int open_memory_file(const struct archive *archive, const struct entry *entry);

/* Wait for the thread to end and close the files that no caller took. */
void finish_prefetch(void);

#endif
