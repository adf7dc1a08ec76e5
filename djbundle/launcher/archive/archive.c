#include "archive/archive.h"

#include "archive/codec.h"
#include "archive/sha256.h"
#include "base/messages.h"
#include "base/strings.h"
#include "platform/branches.h"
#include "platform/syscalls.h"

#define COPY_AGAIN "copy the bundle again and compare its SHA-256 with the original"

#define MAX_ROOM (1UL << 40) /* bytes: no tree is as large, and sums with it do not overflow */

static _Noreturn void fail_truncated(void) { fail(EXIT_TRUNCATED, "this bundle is not whole", "", COPY_AGAIN); }
static _Noreturn void fail_damaged(void) { fail(EXIT_DAMAGED, "this bundle is damaged", "", COPY_AGAIN); }

static void map_file(struct archive *archive, const char *path)
{
    struct stat status;
    int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        fail(EXIT_NO_PROC, "cannot read ", path, "mount /proc; in a container it is there by default");
    if (sys_fstat(fd, &status) < 0 || (size_t)status.st_size < sizeof(struct footer))
        fail_truncated();
    archive->file_size = (size_t)status.st_size;
    archive->file = mmap_or_null(NULL, archive->file_size, PROT_READ, MAP_PRIVATE, fd, 0);
    sys_close(fd);
    if (!archive->file)
        fail(EXIT_START, "not enough memory", "", "give the process more memory");
}

/* Return whether a range lies in the file before the footer. */
static int is_in_file(const struct archive *archive, uint64_t offset, uint64_t size)
{
    uint64_t end = archive->file_size - sizeof(struct footer);
    return offset <= end && size <= end - offset;
}

static void check_footer(struct archive *archive)
{
    const struct footer *footer = &archive->footer;
    memcpy(&archive->footer, archive->file + archive->file_size - sizeof *footer, sizeof *footer);
    if (memcmp(footer->magic, MAGIC, sizeof footer->magic) || footer->file_size != archive->file_size)
        fail_truncated();
    if (footer->hash != hash_of(footer, offsetof(struct footer, hash)) || footer->format != FORMAT
        || !is_in_file(archive, 0, footer->archive_offset)
        || footer->launcher_hash != hash_of(archive->file, footer->archive_offset)
        || !is_in_file(archive, footer->index_offset, footer->index_size)
        || footer->index_hash != hash_of(archive->file + footer->index_offset, footer->index_size))
        fail_damaged();
}

static void unpack_index(struct archive *archive)
{
    const struct footer *footer = &archive->footer;
    uint64_t size = footer->index_raw_size;
    uint8_t *raw = map_anonymous(size);
    if (size < sizeof(struct index) || !raw
        || unpack_frame(archive->file + footer->index_offset, footer->index_size, raw, size))
        fail_damaged();
    const struct index *index = archive->index = (const void *)raw;
    archive->blocks = (const void *)(index + 1);
    archive->entries = (const void *)(archive->blocks + index->block_count);
    archive->needs = (const void *)(archive->entries + index->entry_count);
    archive->names = (const void *)(archive->needs + index->needs_count);
    if (size
        != sizeof *index + (uint64_t)index->block_count * sizeof(struct block)
               + (uint64_t)index->entry_count * sizeof(struct entry) + (uint64_t)index->needs_count * sizeof(uint32_t)
               + index->names_size)
        fail_damaged();
}

static int is_valid_block(const struct archive *archive, uint32_t number)
{
    const struct index *index = archive->index;
    const struct block *block = &archive->blocks[number];
    uint64_t room = number < index->start_blocks ? index->start_room : index->later_room;
    return is_in_file(archive, block->offset, block->size) && block->code_offset <= block->raw_size
           && block->coding <= CODING_NONE && (block->coding != CODING_NONE || block->size == block->raw_size)
           && block->code_size <= block->raw_size - block->code_offset
           && (block->kept_offset == NOT_KEPT
               || (block->kept_offset % LARGEST_PAGE == 0 && block->kept_offset <= room
                   && block->raw_size <= room - block->kept_offset));
}

static int is_valid_needs_list(const struct archive *archive, uint32_t at)
{
    uint32_t total = archive->index->needs_count;
    if (at == 0)
        return 1;
    if (at >= total || archive->needs[at] >= total - at)
        return 0;
    for (uint32_t i = 1; i <= archive->needs[at]; i++)
        if (archive->needs[at + i] >= archive->index->entry_count
            || archive->entries[archive->needs[at + i]].kind == KIND_FOLDER)
            return 0;
    return 1;
}

static int is_valid_entry(const struct archive *archive, uint32_t number)
{
    const struct index *index = archive->index;
    const struct entry *entry = &archive->entries[number];
    if (entry->name > index->names_size || entry->name_length > index->names_size - entry->name
        || (number ? entry->parent >= number : entry->parent || entry->kind != KIND_FOLDER)
        || !is_valid_needs_list(archive, entry->needs))
        return 0;
    if (entry->kind == KIND_FOLDER)
        return entry->child_count == 0
               || (entry->first_child > number && entry->first_child <= index->entry_count
                   && entry->child_count <= index->entry_count - entry->first_child);
    if (entry->kind > KIND_LINK || entry->block >= index->block_count)
        return 0;
    uint32_t raw_size = archive->blocks[entry->block].raw_size;
    return entry->offset <= raw_size && entry->size <= raw_size - entry->offset;
}

/* Check every number of the index. After this, none leads outside of the file or of the index. */
static void check_index(const struct archive *archive)
{
    const struct index *index = archive->index;
    if (index->entry_count == 0 || index->start_blocks > index->block_count || index->start_room > MAX_ROOM
        || index->later_room > MAX_ROOM || !is_valid_needs_list(archive, index->start_files))
        fail_damaged();
    for (uint32_t i = 0; i < index->block_count; i++)
        if (!is_valid_block(archive, i))
            fail_damaged();
    for (uint32_t i = 0; i < index->entry_count; i++)
        if (!is_valid_entry(archive, i))
            fail_damaged();
}

void open_archive(struct archive *archive, const char *path)
{
    map_file(archive, path);
    check_footer(archive);
    unpack_index(archive);
    check_index(archive);
}

void verify_archive(const struct archive *archive)
{
    uint8_t digest[32];
    sha256(archive->file, archive->file_size - sizeof archive->footer + offsetof(struct footer, sha256), digest);
    if (memcmp(digest, archive->footer.sha256, sizeof digest))
        fail_damaged();
}

void unpack_block(const struct archive *archive, uint32_t number, void *to)
{
    const struct block *block = &archive->blocks[number];
    const uint8_t *bytes = archive->file + block->offset;
    if (hash_of(bytes, block->size) != block->hash)
        fail_damaged();
    if (block->coding == CODING_NONE)
        memcpy(to, bytes, block->size);
    else if (unpack_frame(bytes, block->size, to, block->raw_size))
        fail_damaged();
    restore_branches((uint8_t *)to + block->code_offset, block->code_size);
}

const struct entry *find_child(const struct archive *archive, const struct entry *folder, const char *name,
                               size_t length)
{
    uint32_t low = 0, high = folder->child_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct entry *child = &archive->entries[folder->first_child + middle];
        size_t shorter = child->name_length < length ? child->name_length : length;
        int order = memcmp(archive->names + child->name, name, shorter);
        if (order == 0 && child->name_length == length)
            return child;
        if (order < 0 || (order == 0 && child->name_length < length))
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct entry *find_entry(const struct archive *archive, const char *path)
{
    const struct entry *entry = archive->entries;
    while (entry && *path) {
        size_t length = 0;
        while (path[length] && path[length] != '/')
            length++;
        entry = entry->kind == KIND_FOLDER ? find_child(archive, entry, path, length) : NULL;
        path += length + (path[length] == '/');
    }
    return entry;
}
