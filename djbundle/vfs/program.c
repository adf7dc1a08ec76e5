/* Programs that lie in the archive, as some packages bring them, are started from a memory file. */
#include "vfs.h"

#include <spawn.h>
#include <stdio.h>
#include <unistd.h>

extern char **environ;

/* Whether a program lies inside at `place`; else errno says why not. */
static int has_program(const struct place *place)
{
    if (place->entry && place->entry->kind == KIND_EXECUTABLE)
        return 1;
    errno = place->entry ? EACCES : place->error;
    return 0;
}

/* The path by which the kernel can start `path`: itself when it is outside; NULL with errno when there is none. The
 * descriptor that it goes by is left open: an interpreter, named by "#!", opens the file by that path once more.
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

/* The path by which a child can start `path`, whatever descriptors it closes before: one of this process. */
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
