/* Programs that lie in the archive, as some packages bring them, are started from a memory file. */
#include "vfs.h"

#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

/* The path by which the kernel can start `path`: itself when it is outside; NULL with errno when there is none. The
 * descriptor that it goes by is left open: an interpreter, named by "#!", opens the file by that path once more.
 */
static const char *startable(const char *path, struct place *place, char found[DESCRIPTOR_PATH_SIZE])
{
    if (!is_inside(AT_FDCWD, path, FOLLOW, place))
        return place->path;
    int error = !place->entry ? place->error : place->entry->kind != KIND_EXECUTABLE ? EACCES : 0;
    int descriptor = error ? -1 : open_entry(place->entry, O_RDONLY);
    if (error)
        errno = error;
    if (descriptor < 0)
        return NULL;
    write_descriptor_path(descriptor, found);
    return found;
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

/* posix_spawn(3): the descriptor is of no more use here once the child has started. */
static int spawn(int (*next)(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                             char *const[], char *const[]),
                 pid_t *child, const char *path, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
    struct place place;
    char found[DESCRIPTOR_PATH_SIZE] = "";
    const char *program = startable(path, &place, found);
    if (!program)
        return errno;
    int error = next(child, program, actions, attributes, arguments, environment);
    if (*found)
        close(atoi(strrchr(found, '/') + 1));
    return error;
}

EXPORT int posix_spawn(pid_t *child, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
    return spawn(NEXT(posix_spawn), child, path, actions, attributes, arguments, environment);
}

EXPORT int posix_spawnp(pid_t *child, const char *name, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
    if (!strchr(name, '/'))
        return NEXT(posix_spawnp)(child, name, actions, attributes, arguments, environment);
    return spawn(NEXT(posix_spawn), child, name, actions, attributes, arguments, environment);
}
