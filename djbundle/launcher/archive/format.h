/* The file format of a bundle. The numbers come from djbundle/contract/file_format.py. All are little-endian.
 *
 *     launcher | blocks | index | footer
 *
 * A block is one zstd frame, or uncompressed bytes. A file of the tree lies entirely in one block, and a large file has
 * a block of its own.
 * The index is one zstd frame too. Unpacked, it has these parts, without gaps:
 *
 *     struct index | struct block[] | struct entry[] | uint32_t needs[] | names
 */
#ifndef FORMAT_H
#define FORMAT_H

#include "contract.h"

#include <stdint.h>

struct footer { /* the last bytes of the file */
    char magic[8]; /* MAGIC */
    uint32_t format;
    uint32_t reserved;
    uint64_t archive_offset; /* of the first block, which is the end of the launcher */
    uint64_t launcher_hash;  /* every hash is XXH64 with seed 0, of the bytes in the file */
    uint64_t index_offset, index_size, index_raw_size, index_hash;
    uint64_t file_size;
    uint8_t sha256[32]; /* of every byte of the file before this field */
    uint64_t hash;      /* of the footer before this field */
};

struct index {
    uint32_t block_count;
    uint32_t start_blocks; /* number of blocks that each start reads; they come first, in the order of reading */
    uint32_t entry_count;
    uint32_t needs_count;
    uint32_t names_size;
    uint32_t start_files; /* a list in needs: the large files that a start reads, in the order of reading */
    uint64_t built; /* seconds since 1970: the time of every entry */
    uint64_t start_room, later_room; /* bytes to keep the blocks of the start, and all other blocks, unpacked */
};

struct block {
    uint64_t offset; /* in the file; the zstd copy of a static file is another block with the same offset */
    uint64_t hash;
    uint64_t
        kept_offset; /* in its cache, at the start of a page of any kernel; NOT_KEPT for the block of a single large file */
    uint32_t size;
    uint32_t raw_size;
    uint32_t code_offset, code_size; /* machine code in the raw block, which was filtered as branches.h describes */
    uint32_t coding; /* enum coding */
    uint32_t reserved;
};

/* A file or folder. Entry 0 is the root. The children of a folder come after it, next to each other and sorted by the
 * bytes of their names.
 */
struct entry {
    uint32_t name; /* offset in names */
    uint16_t name_length;
    uint16_t kind; /* enum kind */
    uint32_t parent; /* number of the folder; the root is its own parent */
    uint32_t needs; /* of a shared library: where its list in needs begins; 0 for none */
    union {
        uint32_t block; /* of a file, or of a link, whose content is its target */
        uint32_t first_child; /* of a folder: number of an entry */
    };
    union {
        uint32_t offset; /* in the raw block */
        uint32_t reserved;
    };
    union {
        uint32_t size; /* in bytes */
        uint32_t child_count; /* of a folder */
    };
};

_Static_assert(sizeof(struct footer) == FOOTER_SIZE && sizeof(struct index) == INDEX_SIZE
                   && sizeof(struct block) == BLOCK_SIZE && sizeof(struct entry) == ENTRY_SIZE,
               "the builder writes other structs");

/* A list in needs: a count, then that many numbers of entries: the libraries to load first, in this order. */

#endif
