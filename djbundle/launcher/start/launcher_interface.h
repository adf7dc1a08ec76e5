/* The data and functions of the launcher that the preloaded library uses (djbundle/vfs). They stay in memory. */
#ifndef LAUNCHER_INTERFACE_H
#define LAUNCHER_INTERFACE_H

#include "archive/archive.h"

/* The type of an entry of the auxiliary vector, whose value is the address of a struct launcher_interface. The kernel's
 * own types are small numbers (<linux/auxvec.h>).
 */
enum { AT_DJBUNDLE = 0x646a62 };

enum { MAX_PRELOADED = 32 };

struct preloaded {
    int fd; /* of its memory file, named in LD_PRELOAD as /proc/self/fd/<fd> */
    uint32_t entry; /* number in the archive */
};

struct launcher_interface {
    const struct archive *archive;
    char **environment; /* from the kernel, with the LD_ variables that our loader must not see */
    struct preloaded preloaded[MAX_PRELOADED];
    uint32_t preloaded_count;

    /* Functions of the launcher, described in archive.h, block_cache.h and prefetch.h. */
    const struct entry *(*find_child)(const struct archive *, const struct entry *, const char *, size_t);
    void (*read_entry)(const struct archive *, const struct entry *, void *);
    int (*open_memory_file)(const struct archive *, const struct entry *);
    void (*release_blocks)(const struct archive *);
    void (*finish_prefetch)(void);
};

#endif
