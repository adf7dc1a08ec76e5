/* The functions that start programs. command.c says what these programs get. */
#include "vfs.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_SEARCH_PATH "/bin:/usr/bin"

extern char **environ;

static int execute(const struct command *command, void *with)
{
    (void)with;
    return NEXT(execve)(command->program, command->arguments, command->environment);
}

EXPORT int execve(const char *path, char *const arguments[], char *const environment[])
{
    char buffer[PATH_MAX];
    struct command command = {.arguments = arguments, .environment = environment};
    return find_program(&command, path, buffer) ? start_command(&command, execute, NULL) : -1;
}

EXPORT int execv(const char *path, char *const arguments[]) { return execve(path, arguments, environ); }

/* Find a program as execvp(3) does. Return its path, in the buffer or `name` itself; NULL with errno for none. */
static const char *search_program(const char *name, char path[PATH_MAX])
{
    const char *folder = getenv("PATH");
    int error = ENOENT;
    if (strchr(name, '/') || !*name)
        return name;
    for (folder = folder ? folder : DEFAULT_SEARCH_PATH;; folder++) {
        size_t length = strcspn(folder, ":");
        if (length + 1 + strlen(name) < PATH_MAX) {
            memcpy(path, folder, length);
            stpcpy(stpcpy(path + length, length ? "/" : ""), name);
            if (!access(path, X_OK))
                return path;
            error = errno == EACCES ? EACCES : error;
        }
        folder += length;
        if (!*folder)
            return errno = error, NULL;
    }
}

EXPORT int execvpe(const char *name, char *const arguments[], char *const environment[])
{
    char buffer[PATH_MAX];
    const char *path = search_program(name, buffer);
    if (!path)
        return -1;
    execve(path, arguments, environment);
    return errno == ENOEXEC ? NEXT(execvpe)(path, arguments, environment) : -1; /* libc's own starts a shell then */
}

EXPORT int execvp(const char *name, char *const arguments[]) { return execvpe(name, arguments, environ); }

struct spawn {
    pid_t *child;
    const posix_spawn_file_actions_t *actions;
    const posix_spawnattr_t *attributes;
};

static int spawn(const struct command *command, void *with)
{
    const struct spawn *spawn = with;
    int error = NEXT(posix_spawn)(spawn->child, command->program, spawn->actions, spawn->attributes, command->arguments,
                                  command->environment);
    return error ? fail_with(error) : 0;
}

/* The child may close any of its descriptors before it starts the program. So paths name those of this process. */
EXPORT int posix_spawn(pid_t *child, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
    char buffer[PATH_MAX];
    int error = errno;
    struct command command = {.arguments = arguments, .environment = environment, .is_for_spawn = 1};
    struct spawn with = {child, actions, attributes};
    if (!find_program(&command, path, buffer) || start_command(&command, spawn, &with))
        return errno;
    errno = error;
    return 0;
}

EXPORT int posix_spawnp(pid_t *child, const char *name, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
    char buffer[PATH_MAX];
    const char *path = search_program(name, buffer);
    return path ? posix_spawn(child, path, actions, attributes, arguments, environment) : errno;
}

/* The command of a shell. libc's own functions start it without calling ours. */

static const char *translate_command(struct texts *texts, const char *line)
{
    *texts = (struct texts){.folder = working_folder(), .is_for_spawn = 1};
    return go_to_copy() ? NULL : line ? translate_line(texts, line) : "";
}

EXPORT int system(const char *line)
{
    struct texts texts;
    const char *command = launcher && line ? translate_command(&texts, line) : line;
    return line && !command ? -1 : NEXT(system)(command);
}

EXPORT FILE *popen(const char *line, const char *mode)
{
    struct texts texts;
    const char *command = launcher ? translate_command(&texts, line) : line;
    return command ? NEXT(popen)(command, mode) : NULL;
}
