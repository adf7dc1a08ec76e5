/* A thread that unpacks what every start reads while the program begins to read it.
 *
 * It uses nothing that a fork could leave locked. It is over before the program forks for the first time, see
 * finish_ahead.
 */
#ifndef AHEAD_H
#define AHEAD_H

#include "archive.h"

/* Start the thread, where there is a CPU for it. */
void start_ahead(const struct archive *archive);

int is_reading_ahead(void);

/* The memory file of an entry, if the thread has made it or is about to, and nobody has taken it; else -1. */
int take_ahead(const struct entry *entry);

/* Wait for the thread and close the files that nobody took. */
void finish_ahead(void);

#endif
