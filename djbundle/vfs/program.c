/* Programs in the archive, which some packages contain, are started from a memory file. */
#include "vfs.h"

#include <spawn.h>
#include <stdio.h>
#include <unistd.h>

extern char **environ;

/* Return whether there is a program at `resolved`; if not, errno has the reason. */
static int has_program(const struct resolved_path *resolved)
{
    if (resolved->entry && resolved->entry->kind == KIND_EXECUTABLE)
        return 1;
    errno = resolved->entry ? EACCES : resolved->error;
    return 0;
}

/* Return a path by which the kernel can start `path`; NULL with errno if there is no program. A path outside ROOT stays
 * the same. Inside, it names a descriptor, which stays open: the interpreter of a "#!" line opens the path again.
 */
static const char *find_program_path(const char *path, struct resolved_path *resolved, char buffer[FD_PATH_SIZE])
{
    if (!resolve_inside(AT_FDCWD, path, FOLLOW, resolved))
        return resolved->path;
    if (!has_program(resolved))
        return NULL;
    int fd = open_entry(resolved->entry, O_RDONLY);
    write_fd_path(fd, buffer);
    return fd < 0 ? NULL : buffer;
}

EXPORT int execve(const char *path, char *const arguments[], char *const environment[])
{
    struct resolved_path resolved;
    char buffer[FD_PATH_SIZE];
    const char *program = find_program_path(path, &resolved, buffer);
    return program ? NEXT(execve)(program, arguments, environment) : -1;
}

EXPORT int execv(const char *path, char *const arguments[]) { return execve(path, arguments, environ); }

EXPORT int execvpe(const char *name, char *const arguments[], char *const environment[])
{
    return strchr(name, '/') ? execve(name, arguments, environment) : NEXT(execvpe)(name, arguments, environment);
}

EXPORT int execvp(const char *name, char *const arguments[]) { return execvpe(name, arguments, environ); }

/* Return a path by which a child can start `path`. It names a descriptor of this process, so the child may close any
 * of its own before.
 */
static const char *find_spawn_path(const char *path, struct resolved_path *resolved, char buffer[FD_PATH_SIZE])
{
    if (!resolve_inside(AT_FDCWD, path, FOLLOW, resolved))
        return resolved->path;
    if (!has_program(resolved))
        return NULL;
    int fd = get_cached_fd(resolved->entry);
    snprintf(buffer, FD_PATH_SIZE, "/proc/%d/fd/%d", getpid(), fd);
    return fd < 0 ? NULL : buffer;
}

EXPORT int posix_spawn(pid_t *child, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
    struct resolved_path resolved;
    char buffer[FD_PATH_SIZE];
    const char *program = find_spawn_path(path, &resolved, buffer);
    return program ? NEXT(posix_spawn)(child, program, actions, attributes, arguments, environment) : errno;
}

EXPORT int posix_spawnp(pid_t *child, const char *name, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
    return strchr(name, '/') ? posix_spawn(child, name, actions, attributes, arguments, environment)
                             : NEXT(posix_spawnp)(child, name, actions, attributes, arguments, environment);
}
