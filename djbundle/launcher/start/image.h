/* Mapping a program as the kernel does (load_elf_binary of Linux' fs/binfmt_elf.c), but by this process for itself. */
#ifndef IMAGE_H
#define IMAGE_H

#include "archive/archive.h"

#include <stddef.h>
#include <stdint.h>

struct image {
    uintptr_t base;    /* addresses in the file are relative to it; 0 for a program with a fixed place */
    uintptr_t entry;   /* address where the program starts to run */
    uintptr_t headers; /* the program headers in memory */
    size_t header_count;
};

/* Map a program of the archive; return 0, or minus errno if the kernel refuses. `page_size` is the kernel's. */
int map_program(const struct archive *archive, const struct entry *program, size_t page_size, struct image *image);

#endif
