/* Programs in the archive, which some packages contain, are started from a memory file. */
#include "vfs.h"

#include <spawn.h>
#include <stdio.h>
#include <unistd.h>

extern char **environ;

/* Return whether there is a program at `place`; if not, errno has the reason. */
static int has_program(const struct place *place)
{
    if (place->entry && place->entry->kind == KIND_EXECUTABLE)
        return 1;
    errno = place->entry ? EACCES : place->error;
    return 0;
}

/* Return a path by which the kernel can start `path`: the same path if it is outside ROOT; NULL with errno if there is
 * no program. The descriptor in the path stays open: the interpreter of a "#!" line opens the file by that path again.
 */
static const char *startable(const char *path, struct place *place, char found[DESCRIPTOR_PATH_SIZE])
{
    if (!is_inside(AT_FDCWD, path, FOLLOW, place))
        return place->path;
    if (!has_program(place))
        return NULL;
    int descriptor = open_entry(place->entry, O_RDONLY);
    write_descriptor_path(descriptor, found);
    return descriptor < 0 ? NULL : found;
}

EXPORT int execve(const char *path, char *const arguments[], char *const environment[])
{
    struct place place;
    char found[DESCRIPTOR_PATH_SIZE];
    const char *program = startable(path, &place, found);
    return program ? NEXT(execve)(program, arguments, environment) : -1;
}

EXPORT int execv(const char *path, char *const arguments[]) { return execve(path, arguments, environ); }

EXPORT int execvpe(const char *name, char *const arguments[], char *const environment[])
{
    return strchr(name, '/') ? execve(name, arguments, environment) : NEXT(execvpe)(name, arguments, environment);
}

EXPORT int execvp(const char *name, char *const arguments[]) { return execvpe(name, arguments, environ); }

/* Return a path by which a child can start `path`. It names a descriptor of this process, so the child may close any
 * descriptors before.
 */
static const char *spawnable(const char *path, struct place *place, char found[DESCRIPTOR_PATH_SIZE])
{
    if (!is_inside(AT_FDCWD, path, FOLLOW, place))
        return place->path;
    if (!has_program(place))
        return NULL;
    int descriptor = keep_entry(place->entry);
    snprintf(found, DESCRIPTOR_PATH_SIZE, "/proc/%d/fd/%d", getpid(), descriptor);
    return descriptor < 0 ? NULL : found;
}

EXPORT int posix_spawn(pid_t *child, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
    struct place place;
    char found[DESCRIPTOR_PATH_SIZE];
    const char *program = spawnable(path, &place, found);
    return program ? NEXT(posix_spawn)(child, program, actions, attributes, arguments, environment) : errno;
}

EXPORT int posix_spawnp(pid_t *child, const char *name, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
    return strchr(name, '/') ? posix_spawn(child, name, actions, attributes, arguments, environment)
                             : NEXT(posix_spawnp)(child, name, actions, attributes, arguments, environment);
}
