/* The launcher, the first program of a bundle: static, without libc.
 *
 * The archive follows the launcher in its own file. The launcher starts the program of the archive from memory. It
 * unpacks the tree to a folder and starts the program there if the user names a folder, or if the kernel refuses to run
 * from memory.
 */
#include "archive/archive.h"
#include "archive/block_cache.h"
#include "base/messages.h"
#include "base/strings.h"
#include "platform/process.h"
#include "platform/syscalls.h"
#include "start/extract.h"
#include "start/memory_start.h"

PROCESS_START

#define SELF "/proc/self/exe"

static char *no_arguments[] = {"bundle", NULL};

/* Remove "--extract DIR" from the arguments and return DIR; NULL if it is not there. It must be the first argument. */
static const char *take_extract_option(struct process *process)
{
    if (process->argc < 2 || !string_equals(process->argv[1], "--extract"))
        return NULL;
    if (process->argc < 3 || !*process->argv[2])
        fail(EXIT_NO_FOLDER, "--extract names no folder", "", "write --extract DIR");
    const char *folder = process->argv[2];
    process->argv[2] = process->argv[0];
    process->argv += 2;
    process->argc -= 2;
    return folder;
}

/* Refuse set-user-ID and set-group-ID: anyone who may start a bundle can make it run any code, with that user's rights.
 * A capability of the file (setcap(8)) and a security profile are allowed: they are meant for every user who may start
 * the file.
 */
static void check_rights(const struct process *process)
{
    if (get_auxv_value(process, AT_UID) != get_auxv_value(process, AT_EUID)
        || get_auxv_value(process, AT_GID) != get_auxv_value(process, AT_EGID))
        fail(EXIT_START, "a bundle does not run with the rights of its file's owner", "",
             "chmod ug-s it; for ports below 1024:  setcap cap_net_bind_service=+ep FILE");
    if (get_auxv_value(process, AT_SECURE))
        sys_prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* its user may inspect it, as any other process */
}

/* A kernel with larger pages would free more memory than a block of the archive has. */
static void check_pages(const struct process *process)
{
    if (get_auxv_value(process, AT_PAGESZ) > LARGEST_PAGE)
        fail(EXIT_START, "the memory pages of this kernel are larger than those that a bundle knows", "",
             "start a kernel with smaller pages");
}

_Noreturn void launcher_main(long *stack)
{
    static struct archive archive;
    struct process process = read_initial_stack(stack);
    if (process.argc < 1) { /* execve(2) allows an empty argv */
        process.argc = 1;
        process.argv = no_arguments;
    }
    check_rights(&process);
    check_pages(&process);
    open_archive(&archive, SELF);
    create_block_caches(&archive);
    const char *folder = take_extract_option(&process);
    if (!folder)
        folder = get_variable(process.environment, EXTRACT_VARIABLE "=");
    if (!folder) {
        int error = start_from_memory(&archive, &process);
        if (error == -ENOENT || error == -ENOEXEC)
            fail(EXIT_START, "there is no program in this bundle", "", "build it again");
        note("this system does not let a program run from memory: it is unpacked to a folder once", "");
    }
    start_from_folder(&archive, &process, folder);
}
