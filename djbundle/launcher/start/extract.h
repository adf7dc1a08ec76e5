/* The step down from running in memory: the tree on disk, in a folder whose name is the checksum of the bundle, complete
 * or not there at all.
 */
#ifndef EXTRACT_H
#define EXTRACT_H

#include "archive/archive.h"
#include "platform/process.h"

/* Start the program from the tree in `folder`, unpacking it first when it is not there yet. Without a folder, one is
 * chosen in the order of the README.
 */
_Noreturn void start_from_folder(const struct archive *archive, const struct process *process, const char *folder);

#endif
