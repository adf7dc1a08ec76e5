/* Commands that start a program: the bundle itself, a program of the archive, or one of the machine.
 *
 * A program of the archive is started from its copy, or from a memory file. Other programs do not see ROOT, so they get
 * paths of copies, and run in the copy of a folder: never in the root of the machine. The bundle itself sees ROOT.
 */
#include "vfs.h"

#include <unistd.h>

#define SELF "/proc/self/exe" /* the bundle */

/* Return the entry of the program at `path`; NULL with errno if there is none. */
static const struct entry *check_program(const struct resolved_path *resolved)
{
    if (resolved->entry && resolved->entry->kind == KIND_EXECUTABLE)
        return resolved->entry;
    errno = resolved->entry ? EACCES : resolved->error;
    return NULL;
}

/* Resolve the path of a program, relative to the folder in which this process stands. */
static int resolve_program(const char *path, struct resolved_path *resolved, char buffer[PATH_MAX])
{
    struct stat status;
    const struct entry *folder = path && *path != '/' ? find_standing_folder() : NULL;
    if (folder ? resolve_from(folder, path, FOLLOW, resolved) : resolve_inside(AT_FDCWD, path, FOLLOW, resolved))
        return 1;
    if (!path || !NEXT(fstatat)(AT_FDCWD, resolved->path, &status, 0))
        return 0;
    const char *other = find_elsewhere(AT_FDCWD, path, FOLLOW, buffer);
    return other && resolve_inside(AT_FDCWD, other, FOLLOW, resolved);
}

/* Write a path by which the kernel can start a program of the archive: of its copy, or of a memory file. That one stays
 * open, since the interpreter of a "#!" line opens the path again.
 */
static const char *write_program_path(const struct entry *entry, int is_for_spawn, char path[PATH_MAX])
{
    int error = errno;
    const struct entry *copied = NULL;
    if (!make_copy(entry, &copied, path) && !NEXT(access)(path, X_OK))
        return path;
    errno = error;
    int fd = is_for_spawn ? get_cached_fd(entry) : open_entry(entry, O_RDONLY);
    if (fd < 0)
        return NULL;
    is_for_spawn ? write_own_fd_path(fd, path) : write_fd_path(fd, path);
    return path;
}

/* Return whether a program is a script like "manage.py", whose first line names a Python. The bundle is that Python. */
static int is_python_script(const struct entry *entry)
{
    char start[64];
    const char *end = launcher->archive->names + entry->name + entry->name_length;
    if (entry->name_length < 3 || memcmp(end - 3, ".py", 3))
        return 0;
    int fd = open_entry(entry, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, start, sizeof start - 1);
    if (fd >= 0)
        close(fd);
    start[size < 0 ? 0 : size] = 0;
    start[strcspn(start, "\n")] = 0;
    return start[0] == '#' && start[1] == '!' && strstr(start, "python");
}

int find_program(struct command *command, const char *path, char buffer[PATH_MAX])
{
    struct resolved_path resolved;
    command->program = path;
    command->script = NULL;
    if (!resolve_program(path, &resolved, buffer)) {
        if (resolved.path == resolved.buffer)
            command->program = strcpy(buffer, resolved.path);
        return 1;
    }
    const struct entry *entry = check_program(&resolved);
    if (!entry)
        return 0;
    if (is_python_script(entry)) {
        command->script = buffer;
        command->program = SELF;
        return write_path(entry, buffer, PATH_MAX) >= 0;
    }
    command->program = write_program_path(entry, command->is_for_spawn, buffer);
    return !!command->program;
}

/* Return whether a program is a bundle: this one, or another version that takes over from it. */
static int is_bundle(const char *program)
{
    struct footer footer = {.magic = ""};
    int fd = NEXT(openat64)(AT_FDCWD, program, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    if (size >= (off_t)sizeof footer && pread(fd, &footer, sizeof footer, size - (off_t)sizeof footer) < 0)
        footer.magic[0] = 0;
    if (fd >= 0)
        close(fd);
    return !memcmp(footer.magic, MAGIC, sizeof footer.magic);
}

/* Return whether an argument is the line of a shell: the one after "-c", as subprocess.run(shell=True) gives it. */
static int is_shell_line(const struct command *command, size_t number)
{
    static const char *const SHELLS[] = {"sh", "ash", "bash", "dash", "ksh", "zsh"};
    const char *slash = strrchr(command->program, '/'), *name = slash ? slash + 1 : command->program;
    if (number < 2 || command->arguments[number - 1][0] != '-' || !strchr(command->arguments[number - 1], 'c'))
        return 0;
    for (size_t i = 0; i < sizeof SHELLS / sizeof *SHELLS; i++)
        if (!strcmp(name, SHELLS[i]))
            return 1;
    return 0;
}

static size_t count_strings(char *const strings[])
{
    size_t count = 0;
    while (strings && strings[count])
        count++;
    return count;
}

/* Start a command with texts for its program. The first argument is the program's name for itself. */
static int start_translated(struct command *command, int is_for_bundle, start_function *start, void *with)
{
    struct texts texts = {
        .folder = find_standing_folder(), .is_for_spawn = command->is_for_spawn, .is_for_bundle = is_for_bundle};
    size_t argument_count = count_strings(command->arguments), variable_count = count_strings(command->environment);
    const char *arguments[argument_count + 3], *environment[variable_count + 1], **end = arguments;
    *end++ = argument_count ? command->arguments[0] : command->program;
    if (command->script)
        *end++ = command->script;
    for (size_t i = 1; i < argument_count; i++)
        *end++ = is_shell_line(command, i) ? translate_line(&texts, command->arguments[i])
                                           : translate_argument(&texts, command->arguments[i]);
    *end = NULL;
    for (size_t i = 0; i < variable_count; i++)
        environment[i] = translate_variable(&texts, command->environment[i]);
    environment[variable_count] = NULL;
    command->arguments = (char *const *)arguments;
    command->environment = (char *const *)environment;
    return start(command, with);
}

int start_command(struct command *command, start_function *start, void *with)
{
    enum { MAX_STRINGS = 16384 }; /* arguments and variables; they need room on the stack */
    size_t count = count_strings(command->arguments) + count_strings(command->environment);
    if (!launcher)
        return start(command, with);
    int is_for_bundle = command->script || is_bundle(command->program);
    if (go_to_copy() && !is_for_bundle)
        return -1;
    if (command->script && count > MAX_STRINGS)
        return fail_with(E2BIG);
    if (count > MAX_STRINGS || NEXT(access)(command->program, X_OK))
        return start(command, with);
    return start_translated(command, is_for_bundle, start, with);
}
