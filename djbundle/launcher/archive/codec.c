/* The decoder of zstd, from the sources that Nuitka ships for its onefile mode (BSD licence, which the builder puts
 * into every bundle). The sources are compiled as one unit, in this order, and use no heap.
 */
#include "archive/codec.h"

#include "platform/syscalls.h"

#include <stdatomic.h>

#define ZSTD_DEPS_MALLOC
#define ZSTD_malloc(size) ((void *)0)
#define ZSTD_calloc(count, size) ((void *)0)
#define ZSTD_free(pointer) ((void)(pointer))

#include "common/error_private.c"
#include "common/fse_decompress.c"
#include "common/xxhash.c"
#include "common/zstd_common.c"
#include "common/entropy_common.c"

#include "decompress/huf_decompress.c"
#include "decompress/zstd_ddict.c"
#include "decompress/zstd_decompress.c"
#include "decompress/zstd_decompress_block.c"

uint64_t hash_of(const void *bytes, size_t size) { return XXH64(bytes, size, 0); }

/* Workspaces of the decoder. A workspace that is in use during a fork stays taken in the child. That is harmless: if
 * all are taken, a new one is mapped.
 */
enum { WORKSPACES = 3, WORKSPACE_SIZE = 160 << 10 };

static struct workspace {
    _Alignas(64) char bytes[WORKSPACE_SIZE];
    _Atomic int is_taken;
} workspaces[WORKSPACES];

static struct workspace *acquire_workspace(void)
{
    for (int i = 0; i < WORKSPACES; i++)
        if (!atomic_exchange(&workspaces[i].is_taken, 1))
            return &workspaces[i];
    return map_anonymous(sizeof(struct workspace));
}

static void release_workspace(struct workspace *workspace)
{
    if (workspace >= workspaces && workspace < workspaces + WORKSPACES)
        atomic_store(&workspace->is_taken, 0);
    else
        sys_munmap(workspace, sizeof *workspace);
}

int unpack_frame(const void *frame, size_t size, void *to, size_t raw_size)
{
    struct workspace *workspace = acquire_workspace();
    if (!workspace)
        return -1;
    ZSTD_DCtx *decoder = ZSTD_initStaticDCtx(workspace->bytes, WORKSPACE_SIZE);
    size_t unpacked_size = decoder ? ZSTD_decompressDCtx(decoder, to, raw_size, frame, size) : 0;
    release_workspace(workspace);
    return unpacked_size == raw_size ? 0 : -1;
}
