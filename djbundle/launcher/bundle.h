/* The bundle as the launcher sees it: its file mapped to memory, its footer checked, its index unpacked.
 *
 * Written by djbundle/builder/archive.py, which describes the format; all numbers are little-endian.
 */
#ifndef BUNDLE_H
#define BUNDLE_H

#include <stddef.h>
#include <stdint.h>

struct footer {
    char magic[8]; /* "djbundle" */
    uint32_t format;
    uint32_t reserved;
    uint64_t archive_offset; /* of the first block: where the launcher ends */
    uint64_t index_offset;
    uint64_t index_size; /* compressed */
    uint64_t index_raw_size;
    uint64_t file_size;
    uint8_t sha256[32]; /* of every byte of the file before this field */
};

struct block {
    uint64_t offset; /* of a zstd frame in the file */
    uint32_t size;
    uint32_t raw_size;
};

enum kind { KIND_FILE, KIND_FOLDER, KIND_LINK, KIND_EXECUTABLE };

struct entry {
    uint32_t name_offset;
    uint16_t name_length;
    uint16_t kind;
    uint64_t size;   /* of the file, or of a link's target */
    uint64_t offset; /* in the concatenation of all raw blocks */
};

struct bundle {
    const uint8_t *bytes;
    size_t size;
    const struct footer *footer;
};

struct archive {
    uint32_t block_count, entry_count;
    const struct block *blocks;
    const struct entry *entries;
    const char *names;
    size_t names_size;
    uint64_t raw_size; /* of all blocks together */
};

/* Map the file and check that it is whole; ends the process with EXIT_TRUNCATED when it is not. */
struct bundle open_bundle(const char *path);

/* Compare every byte with the checksum in the footer; ends the process with EXIT_DAMAGED. */
void verify_bundle(const struct bundle *bundle);

struct archive open_archive(const struct bundle *bundle);

/* The raw bytes of all blocks, one after the other, in fresh memory. */
const uint8_t *unpack_blocks(const struct bundle *bundle, const struct archive *archive);

#endif
