/* The tree on disk: a folder whose name is the checksum of the bundle, complete or not there at all. */
#ifndef UNPACK_H
#define UNPACK_H

#include "bundle.h"

/* Write the path of the unpacked tree to `tree` (PATH_SIZE bytes), unpacking it first when it is not there yet. */
void find_or_unpack_tree(const struct bundle *bundle, char **environment, char *tree);

#endif
