/* Starting the program of a bundle with nothing unpacked to a disk: an exec(2) of this process by itself. */
#ifndef MEMORY_START_H
#define MEMORY_START_H

#include "archive/archive.h"
#include "platform/process.h"

/* Does not return, unless the kernel refuses something: then minus errno, and nothing has changed. */
int start_from_memory(const struct archive *archive, const struct process *process);

#endif
