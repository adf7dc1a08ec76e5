/* A thread that unpacks what every start reads while the program begins to read it.
 *
 * It uses nothing that a fork could leave locked. It is over before the program forks for the first time, see
 * finish_ahead.
 */
#ifndef AHEAD_H
#define AHEAD_H

#include "archive/archive.h"

/* Start the thread, where there is a CPU for it. */
void start_ahead(const struct archive *archive);

/* A memory file of the entry: that which the thread has made or is about to make, if nobody has taken it, else a new
 * one. Minus errno when refused.
 */
int open_memory_file(const struct archive *archive, const struct entry *entry);

/* Wait for the thread and close the files that nobody took. */
void finish_ahead(void);

#endif
