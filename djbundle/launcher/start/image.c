#include "start/image.h"

#include "archive/block_cache.h"
#include "base/strings.h"
#include "platform/syscalls.h"
#include "start/prefetch.h"

#include <elf.h>

enum { MAX_HEADERS = 32, MAX_ZEROED = 64 << 20, HUGE_PAGE_SIZE = 2 << 20 /* the least; it is only a hint */ };

/* The layout of a program, from the headers of its file. */
struct layout {
    Elf64_Ehdr header;
    Elf64_Phdr segments[MAX_HEADERS];
    int segment_count;   /* only mapped segments */
    uintptr_t low, high; /* lowest and highest address of the segments, relative to the base */
    uintptr_t alignment;
    uintptr_t page_size; /* the kernel's */
};

static uintptr_t align_down(uintptr_t address, uintptr_t to) { return address & ~(to - 1); }
static uintptr_t align_up(uintptr_t address, uintptr_t to) { return (address + to - 1) & ~(to - 1); }

static int protection_of(const Elf64_Phdr *segment)
{
    return (segment->p_flags & PF_R ? PROT_READ : 0) | (segment->p_flags & PF_W ? PROT_WRITE : 0)
           | (segment->p_flags & PF_X ? PROT_EXEC : 0);
}

/* Select the segments to map and measure them. `headers` are all program headers of the file. */
static int measure_segments(struct layout *layout, const Elf64_Phdr *headers)
{
    layout->segment_count = 0;
    layout->low = UINTPTR_MAX;
    layout->high = 0;
    layout->alignment = layout->page_size;
    for (int i = 0; i < layout->header.e_phnum; i++) {
        const Elf64_Phdr *segment = &headers[i];
        if (segment->p_type != PT_LOAD)
            continue;
        if ((segment->p_vaddr - segment->p_offset) % layout->page_size)
            return -ENOEXEC; /* it was linked for smaller pages */
        uintptr_t begin = align_down(segment->p_vaddr, layout->page_size);
        uintptr_t end = segment->p_vaddr + segment->p_memsz;
        layout->low = begin < layout->low ? begin : layout->low;
        layout->high = end > layout->high ? end : layout->high;
        layout->alignment = segment->p_align > layout->alignment ? segment->p_align : layout->alignment;
        layout->segments[layout->segment_count++] = *segment;
    }
    return layout->low < layout->high ? 0 : -ENOEXEC;
}

static int is_valid_header(const Elf64_Ehdr *header)
{
    return header->e_machine == ELF_ARCH && header->e_phnum <= MAX_HEADERS && header->e_phentsize == sizeof(Elf64_Phdr);
}

static void fill_image(const struct layout *layout, uintptr_t base, struct image *image)
{
    const Elf64_Ehdr *header = &layout->header;
    *image = (struct image){.base = base, .entry = base + header->e_entry, .header_count = header->e_phnum};
    for (int i = 0; i < layout->segment_count; i++) {
        const Elf64_Phdr *segment = &layout->segments[i];
        if (segment->p_offset <= header->e_phoff && header->e_phoff < segment->p_offset + segment->p_filesz)
            image->headers = base + segment->p_vaddr + (header->e_phoff - segment->p_offset);
    }
}

/* --- Mapping from this process's memory: with huge pages, which take a tenth of the time to get. --- */

/* Return whether each byte of the file has the same place as in memory, as current linkers write it. */
static int is_memory_image(const struct layout *layout)
{
    for (int i = 0; i < layout->segment_count; i++) {
        const Elf64_Phdr *segment = &layout->segments[i];
        int is_last = i == layout->segment_count - 1;
        if (segment->p_offset != segment->p_vaddr || (segment->p_memsz != segment->p_filesz && !is_last))
            return 0;
    }
    return layout->header.e_type == ET_DYN && layout->low == 0;
}

/* Set the protections of the unpacked file at `base`, and zero the memory after its bytes. */
static int protect_segments(const struct layout *layout, uint8_t *base, size_t file_size)
{
    const Elf64_Phdr *last = &layout->segments[layout->segment_count - 1];
    uintptr_t bytes_end = last->p_vaddr + last->p_filesz;
    if (file_size > bytes_end)
        memset(base + bytes_end, 0, file_size - bytes_end);
    for (int i = 0; i < layout->segment_count; i++) {
        const Elf64_Phdr *segment = &layout->segments[i];
        uintptr_t begin = align_down(segment->p_vaddr, layout->page_size);
        uintptr_t end = align_up(segment->p_vaddr + segment->p_memsz, layout->page_size);
        int error = sys_mprotect(base + begin, end - begin, protection_of(segment));
        if (error) /* some security policies forbid running memory that was writable */
            return error;
    }
    return 0;
}

static int map_from_memory(const struct archive *archive, const struct entry *program, size_t page_size,
                           struct image *image)
{
    struct layout layout = {.page_size = page_size};
    size_t size = align_up(program->size, HUGE_PAGE_SIZE) + MAX_ZEROED;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    uint8_t *reserved = mmap_or_null(NULL, size + HUGE_PAGE_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (!reserved || program->size < sizeof layout.header)
        return -ENOMEM;
    uint8_t *base = (uint8_t *)align_up((uintptr_t)reserved, HUGE_PAGE_SIZE);
    sys_madvise(base, program->size, MADV_HUGEPAGE);
    read_entry(archive, program, base);
    memcpy(&layout.header, base, sizeof layout.header);
    uint64_t headers = layout.header.e_phoff;
    int is_whole = is_valid_header(&layout.header) && headers <= program->size
                   && layout.header.e_phnum * sizeof(Elf64_Phdr) <= program->size - headers;
    int error = is_whole ? 0 : -ENOEXEC;
    if (!error)
        error = measure_segments(&layout, (const Elf64_Phdr *)(base + headers));
    if (!error && (!is_memory_image(&layout) || layout.high > size))
        error = -EOPNOTSUPP;
    if (!error)
        error = protect_segments(&layout, base, program->size);
    if (error) {
        sys_munmap(reserved, size + HUGE_PAGE_SIZE);
        return error;
    }
    uintptr_t end = align_up(layout.high, page_size);
    sys_munmap(base + end, size - end);
    fill_image(&layout, (uintptr_t)base, image);
    return 0;
}

/* --- Mapping from a memory file: for any program, at any address, also where written memory may not be run. --- */

/* Reserve the addresses of all segments together, and set `base`. */
static int reserve_addresses(const struct layout *layout, uintptr_t *base)
{
    size_t size = layout->high - layout->low;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    if (layout->header.e_type == ET_EXEC) {
        *base = 0;
        return mmap_or_null((void *)layout->low, size, PROT_NONE, flags | MAP_FIXED_NOREPLACE, -1, 0) ? 0 : -EEXIST;
    }
    uintptr_t begin = (uintptr_t)mmap_or_null(NULL, size + layout->alignment, PROT_NONE, flags, -1, 0);
    *base = align_up(begin, layout->alignment) - layout->low;
    return begin ? 0 : -ENOMEM;
}

/* Map one segment over its reserved addresses; the part beyond the file's bytes is zeroed memory. */
static int map_segment(int fd, const Elf64_Phdr *segment, uintptr_t base, uintptr_t page_size)
{
    uintptr_t begin = base + align_down(segment->p_vaddr, page_size);
    uintptr_t bytes_end = base + segment->p_vaddr + segment->p_filesz, page_end = align_up(bytes_end, page_size);
    uintptr_t end = base + segment->p_vaddr + segment->p_memsz;
    int protection = protection_of(segment), flags = MAP_PRIVATE | MAP_FIXED;
    if (bytes_end > begin
        && !mmap_or_null((void *)begin, bytes_end - begin, protection, flags, fd,
                         align_down(segment->p_offset, page_size)))
        return -ENOMEM;
    if (end > bytes_end && segment->p_flags & PF_W)
        memset((void *)bytes_end, 0, page_end - bytes_end); /* to the end of the page: the loader allocates there */
    if (end > page_end && !mmap_or_null((void *)page_end, end - page_end, protection, flags | MAP_ANONYMOUS, -1, 0))
        return -ENOMEM;
    return 0;
}

static int map_from_file(int fd, size_t page_size, struct image *image)
{
    struct layout layout = {.page_size = page_size};
    Elf64_Phdr headers[MAX_HEADERS];
    uintptr_t base;
    if (sys_pread64(fd, &layout.header, sizeof layout.header, 0) != sizeof layout.header
        || !is_valid_header(&layout.header))
        return -ENOEXEC;
    long size = layout.header.e_phnum * (long)sizeof *headers;
    if (sys_pread64(fd, headers, (size_t)size, layout.header.e_phoff) != size)
        return -ENOEXEC;
    int error = measure_segments(&layout, headers);
    if (!error)
        error = reserve_addresses(&layout, &base);
    for (int i = 0; i < layout.segment_count && !error; i++)
        error = map_segment(fd, &layout.segments[i], base, page_size);
    if (!error)
        fill_image(&layout, base, image);
    return error;
}

int map_program(const struct archive *archive, const struct entry *program, size_t page_size, struct image *image)
{
    if (!map_from_memory(archive, program, page_size, image))
        return 0;
    int fd = open_memory_file(archive, program);
    if (fd < 0)
        return fd;
    int error = map_from_file(fd, page_size, image);
    sys_close(fd);
    return error;
}
