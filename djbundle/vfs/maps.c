/* The list of mapped files, /proc/self/maps, with the true names of the libraries that come from the archive.
 *
 * The kernel knows these libraries as memory files. threadpoolctl looks in this list for libraries by their names, to
 * set the numbers of their threads.
 */
#include "vfs.h"

#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY_FILE "/memfd:" /* prefix of the kernel's name */

/* A search for the library that is loaded at an address. */
struct search {
    uintptr_t address;
    const char *name; /* the loader's, which is the true one (library.c); NULL if there is none */
};

static int match_library(struct dl_phdr_info *library, size_t size, void *with)
{
    (void)size;
    struct search *search = with;
    for (int i = 0; i < library->dlpi_phnum && !search->name; i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = library->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_LOAD && search->address >= (begin & -page) && search->address < begin + part->p_memsz)
            search->name = library->dlpi_name;
    }
    return !!search->name;
}

/* Write a line of the list, with the true name of the library. */
static void write_line(FILE *to, const char *line)
{
    const char *name = strstr(line, MEMORY_FILE);
    struct search search = {.address = strtoul(line, NULL, 16)};
    if (name)
        dl_iterate_phdr(match_library, &search);
    if (search.name && !strncmp(search.name, ROOT "/", sizeof ROOT))
        fprintf(to, "%.*s%s\n", (int)(name - line), line, search.name);
    else
        fputs(line, to);
}

int open_maps(void)
{
    char *line = NULL, path[FD_PATH_SIZE];
    size_t size = 0;
    int memory_fd = memfd_create("maps", MFD_CLOEXEC);
    FILE *from = NEXT(fopen64)(MAPS, "re"), *to = memory_fd < 0 ? NULL : fdopen(memory_fd, "w");
    while (from && to && getline(&line, &size, from) > 0)
        write_line(to, line);
    free(line);
    int is_complete = from && to && !fflush(to);
    write_fd_path(memory_fd, path);
    int fd = is_complete ? NEXT(openat64)(AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    if (from)
        fclose(from);
    if (to)
        fclose(to);
    else if (memory_fd >= 0)
        close(memory_fd);
    return fd;
}
