/* Programs mapped as the kernel maps them (load_elf_binary of Linux' fs/binfmt_elf.c), but by this process for itself. */
#ifndef IMAGE_H
#define IMAGE_H

#include "archive/archive.h"

#include <stddef.h>
#include <stdint.h>

struct image {
    uintptr_t base;    /* what addresses in the file are relative to; 0 for one that has a fixed place */
    uintptr_t entry;   /* where it begins to run */
    uintptr_t headers; /* its program headers in memory */
    size_t header_count;
};

/* Map a program of the archive; 0, or minus errno when the kernel refuses. */
int map_program(const struct archive *archive, const struct entry *program, struct image *image);

#endif
