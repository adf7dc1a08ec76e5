#include "bundle.h"

#include "sha256.h"
#include "system.h"
#include "text.h"

#define ZSTD_STATIC_LINKING_ONLY
#include "zstd.h"

#define COPY_AGAIN "copy the bundle again and compare its SHA-256 with the original"

static const uint32_t FORMAT = 1;

static _Noreturn void truncated(void) { fail(EXIT_TRUNCATED, "this bundle is not whole", "", COPY_AGAIN); }
static _Noreturn void damaged(void) { fail(EXIT_DAMAGED, "this bundle is damaged", "", COPY_AGAIN); }

struct bundle open_bundle(const char *path)
{
    struct bundle bundle;
    struct stat status;
    long fd = open_at(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        fail(EXIT_NO_PROC, "cannot read ", path, "mount /proc; in a container it is there by default");
    if (status_of((int)fd, &status) < 0 || (size_t)status.st_size < sizeof(struct footer))
        truncated();
    bundle.size = (size_t)status.st_size;
    bundle.bytes = map_memory(bundle.size, (int)fd);
    close_file((int)fd);
    if (!bundle.bytes)
        truncated();
    bundle.footer = (const struct footer *)(bundle.bytes + bundle.size - sizeof(struct footer));
    if (memcmp(bundle.footer->magic, "djbundle", 8) || bundle.footer->file_size != bundle.size)
        truncated();
    if (bundle.footer->format != FORMAT)
        damaged();
    return bundle;
}

void verify_bundle(const struct bundle *bundle)
{
    uint8_t digest[32];
    sha256(bundle->bytes, bundle->size - sizeof digest, digest);
    if (memcmp(digest, bundle->footer->sha256, sizeof digest))
        damaged();
}

/* One zstd frame of the file to `to`; the frame must lie in the file and yield exactly `raw_size` bytes. */
static void unpack_frame(const struct bundle *bundle, uint64_t offset, uint64_t size, uint8_t *to, uint64_t raw_size)
{
    static uint64_t workspace[24 * 1024]; /* ZSTD_estimateDCtxSize() is 160 KB */
    static ZSTD_DCtx *decoder;
    if (!decoder)
        decoder = ZSTD_initStaticDCtx(workspace, sizeof workspace);
    if (!decoder || offset > bundle->size || size > bundle->size - offset)
        damaged();
    if (ZSTD_decompressDCtx(decoder, to, raw_size, bundle->bytes + offset, size) != raw_size)
        damaged();
}

static void *room(uint64_t size)
{
    void *memory = map_memory(size ? size : 1, -1);
    if (!memory)
        fail(EXIT_WRITE, "not enough memory to unpack the bundle", "", "give the process more memory");
    return memory;
}

struct archive open_archive(const struct bundle *bundle)
{
    const struct footer *footer = bundle->footer;
    uint8_t *index = room(footer->index_raw_size);
    const uint32_t *counts = (const uint32_t *)index; /* blocks, entries, bytes of names, zero */
    struct archive archive = {0};
    if (footer->index_raw_size < 16)
        damaged();
    unpack_frame(bundle, footer->index_offset, footer->index_size, index, footer->index_raw_size);
    archive.block_count = counts[0];
    archive.entry_count = counts[1];
    archive.names_size = counts[2];
    uint64_t blocks_size = (uint64_t)archive.block_count * sizeof(struct block);
    uint64_t entries_size = (uint64_t)archive.entry_count * sizeof(struct entry);
    if (footer->index_raw_size != 16 + blocks_size + entries_size + archive.names_size)
        damaged();
    archive.blocks = (const struct block *)(index + 16);
    archive.entries = (const struct entry *)(index + 16 + blocks_size);
    archive.names = (const char *)(index + 16 + blocks_size + entries_size);
    for (uint32_t i = 0; i < archive.block_count; i++)
        archive.raw_size += archive.blocks[i].raw_size;
    return archive;
}

const uint8_t *unpack_blocks(const struct bundle *bundle, const struct archive *archive)
{
    uint8_t *bytes = room(archive->raw_size), *to = bytes;
    for (uint32_t i = 0; i < archive->block_count; i++) {
        const struct block *block = &archive->blocks[i];
        unpack_frame(bundle, block->offset, block->size, to, block->raw_size);
        to += block->raw_size;
    }
    return bytes;
}
