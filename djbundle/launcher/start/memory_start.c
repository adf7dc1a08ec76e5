#include "start/memory_start.h"

#include "archive/block_cache.h"
#include "base/strings.h"
#include "platform/syscalls.h"
#include "start/image.h"
#include "start/launcher_interface.h"
#include "start/memory_file.h"
#include "start/prefetch.h"

#define PRELOAD "LD_PRELOAD="
#define PROC_SELF_FD "/proc/self/fd/"

enum { PRELOAD_SIZE = sizeof PRELOAD + MAX_PRELOADED * (sizeof PROC_SELF_FD + NUMBER_SIZE) };

/* All code and data of the launcher, and so this too, stay in memory as long as the process lives. */
static struct launcher_interface interface;

/* Variables of the host that are meant for the host's libc, not for ours. The preloaded library gives them back to the
 * program, so that programs which it starts see them.
 */
static int is_loader_variable(const char *variable)
{
    return string_starts_with(variable, "LD_") || string_starts_with(variable, "GLIBC_TUNABLES=");
}

static int map_entry(const struct archive *archive, const char *name, size_t page_size, struct image *image)
{
    const struct entry *entry = find_entry(archive, name);
    return entry ? map_program(archive, entry, page_size, image) : -ENOENT;
}

/* Open the libraries that the program needs as memory files for the loader to preload. So the loader searches for
 * nothing on the host.
 */
static int open_libraries(const struct archive *archive, char *preload)
{
    const uint32_t *needs = archive->needs + find_entry(archive, PROGRAM)->needs;
    char *end = append(preload, PRELOAD);
    if (needs[0] > MAX_PRELOADED)
        return -E2BIG;
    for (uint32_t i = 0; i < needs[0]; i++) {
        int fd = open_memory_file(archive, &archive->entries[needs[i + 1]]);
        if (fd < 0)
            return fd;
        interface.preloaded[interface.preloaded_count++] = (struct preloaded){fd, needs[i + 1]};
        end = append_number(append(append(end, i ? ":" : ""), PROC_SELF_FD), (unsigned)fd);
    }
    return 0;
}

static void close_libraries(void)
{
    while (interface.preloaded_count)
        sys_close(interface.preloaded[--interface.preloaded_count].fd);
}

/* Change the auxiliary vector to what the kernel would have written, had it mapped these two images.
 *
 * AT_SECURE is cleared. A capability of the file or a change of security profile sets it, and then the loader would
 * preload nothing by path. AT_SECURE protects from the loader's variables, and every start leaves those out.
 */
static void update_auxv(Elf64_auxv_t *auxv, const struct image *program, const struct image *loader)
{
    for (; auxv->a_type != AT_NULL; auxv++)
        switch (auxv->a_type) {
        case AT_BASE: auxv->a_un.a_val = loader->base; break;
        case AT_PHDR: auxv->a_un.a_val = program->headers; break;
        case AT_PHNUM: auxv->a_un.a_val = program->header_count; break;
        case AT_SECURE: auxv->a_un.a_val = 0; break;
        case AT_ENTRY: auxv->a_un.a_val = program->entry; break;
        }
    auxv[0] = (Elf64_auxv_t){AT_DJBUNDLE, {(uintptr_t)&interface}};
    auxv[1] = (Elf64_auxv_t){AT_NULL, {0}};
}

/* Copy the environment without the loader's variables, and add `preload`. */
static void copy_environment(char **to, char **from, char *preload)
{
    for (; *from; from++)
        if (!is_loader_variable(*from))
            *to++ = *from;
    *to++ = preload;
    *to = NULL;
}

static _Noreturn void enter_loader(const struct process *old, const struct image *program, const struct image *loader,
                                   char *preload)
{
    struct process new = *old;
    size_t auxv_size = 0;
    while (old->auxv[auxv_size++].a_type != AT_NULL)
        ;
    new.auxv = __builtin_alloca((auxv_size + 1) * sizeof *new.auxv);
    memcpy(new.auxv, old->auxv, auxv_size * sizeof *new.auxv);
    update_auxv(new.auxv, program, loader);
    new.environment = __builtin_alloca((count_strings(old->environment) + 2) * sizeof(char *));
    copy_environment(new.environment, old->environment, preload);
    /* On this very stack: pthread_getattr_np(3) finds the main thread's stack by the place where the program began. */
    void *stack = __builtin_alloca_with_align(initial_stack_size(&new), 8 * 16);
    write_initial_stack(&new, stack);
    enter_program(loader->entry, stack);
}

int start_from_memory(const struct archive *archive, const struct process *process)
{
    static char preload[PRELOAD_SIZE];
    struct image program, loader;
    size_t page_size = get_auxv_value(process, AT_PAGESZ);
    interface = (struct launcher_interface){
        .archive = archive,
        .environment = process->environment,
        .find_child = find_child,
        .read_entry = read_entry,
        .open_memory_file = open_memory_file,
        .release_blocks = release_blocks,
        .finish_prefetch = finish_prefetch,
    };
    if (!find_entry(archive, PROGRAM))
        return -ENOENT;
    start_prefetch(archive);
    int error = map_entry(archive, PROGRAM, page_size, &program);
    if (!error)
        error = map_entry(archive, LOADER, page_size, &loader);
    if (!error)
        error = open_libraries(archive, preload);
    if (!error)
        enter_loader(process, &program, &loader, preload);
    close_libraries();
    finish_prefetch();
    return error;
}
