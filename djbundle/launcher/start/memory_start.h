/* Starting the program of a bundle without unpacking to disk: this process does the work of exec(2) itself. */
#ifndef MEMORY_START_H
#define MEMORY_START_H

#include "archive/archive.h"
#include "platform/process.h"

/* Start the program. Return only if the kernel refuses something: then minus errno, and nothing has changed. */
int start_from_memory(const struct archive *archive, const struct process *process);

#endif
