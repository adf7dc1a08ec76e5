/* The fallback for running from memory: the tree on disk, in a folder named by the checksum of the bundle. The folder
 * is complete or does not exist.
 */
#ifndef EXTRACT_H
#define EXTRACT_H

#include "archive/archive.h"
#include "platform/process.h"

/* Start the program from the tree in `folder`; unpack the tree first if it does not exist. Without a folder, one is
 * chosen in the order of ARCHITECTURE.md.
 */
_Noreturn void start_from_folder(const struct archive *archive, const struct process *process, const char *folder);

#endif
