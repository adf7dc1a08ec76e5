/* The decoder half of zstd, from the sources that Nuitka carries for its own onefile mode (BSD licence, which the
 * builder puts into every bundle). They are compiled as one unit, in this order, and without a heap: the launcher
 * gives the decoder its workspace.
 */
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
