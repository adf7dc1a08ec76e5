#include "vfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The kernel's working folder while this process stands inside ROOT. A program that is started in a way that this
 * library does not see finds nothing there that it could change.
 */
#define NOWHERE "/proc/self"
#define NOWHERE_PREFIX "/proc/"

const struct entry *find_standing_folder(void)
{
    char path[PATH_MAX];
    if (!launcher || !is_child_of_vfork())
        return working_folder();
    if (!NEXT(getcwd)(path, sizeof path))
        return NULL;
    return strncmp(path, NOWHERE_PREFIX, sizeof NOWHERE_PREFIX - 1) ? entry_of_copy(path) : working_folder();
}

static int enter_copy(const struct entry *folder)
{
    char path[PATH_MAX];
    const struct entry *copied = NULL;
    return make_copy(folder, &copied, path) || NEXT(chdir)(path) ? fail_with(ENOENT) : 0;
}

/* Return whether this process is a child of vfork(2) that went inside ROOT, where it found no copy. Its parent has
 * another folder in "/proc".
 */
static int has_found_no_copy(void)
{
    char path[PATH_MAX], own[PATH_MAX];
    snprintf(own, sizeof own, NOWHERE_PREFIX "%d", getpid());
    return launcher && is_child_of_vfork() && NEXT(getcwd)(path, sizeof path) && !strcmp(path, own);
}

int go_to_copy(void)
{
    const struct entry *folder = find_standing_folder();
    if (has_found_no_copy())
        return fail_with(ENOENT);
    return folder ? enter_copy(folder) : 0;
}

/* A child of vfork(2) goes to the copy at once: another program is what it will become. Without a copy, only the bundle
 * itself may start.
 */
static int enter_folder(const struct entry *entry)
{
    if (entry->kind != KIND_FOLDER)
        return fail_with(ENOTDIR);
    if (is_child_of_vfork())
        return enter_copy(entry) ? NEXT(chdir)(NOWHERE) : 0;
    if (NEXT(chdir)(NOWHERE))
        return -1;
    set_working_folder(entry);
    return 0;
}

static void leave_root(void)
{
    if (working_folder() && !is_child_of_vfork())
        set_working_folder(NULL);
}

EXPORT int chdir(const char *path)
{
    struct resolved_path resolved;
    char buffer[PATH_MAX];
    if (resolve_inside(AT_FDCWD, path, FOLLOW, &resolved))
        return resolved.entry ? enter_folder(resolved.entry) : fail_with(resolved.error);
    if (NEXT(chdir)(resolved.path)) {
        const char *other = find_elsewhere(AT_FDCWD, path, FOLLOW, buffer);
        return other ? chdir(other) : -1;
    }
    leave_root();
    return 0;
}

EXPORT int fchdir(int fd)
{
    const struct entry *entry = entry_of(fd);
    if (entry)
        return enter_folder(entry);
    if (NEXT(fchdir)(fd))
        return -1;
    leave_root();
    return 0;
}

EXPORT char *getcwd(char *buffer, size_t size)
{
    char path[PATH_MAX];
    const struct entry *entry = working_folder();
    if (!entry)
        return NEXT(getcwd)(buffer, size);
    int length = write_path(entry, path, buffer || size ? (size < sizeof path ? size : sizeof path) : sizeof path);
    if (length < 0)
        return NULL;
    if (!buffer)
        buffer = malloc(size ? size : (size_t)length + 1);
    return buffer ? strcpy(buffer, path) : NULL;
}

EXPORT char *__getcwd_chk(char *buffer, size_t size, size_t capacity)
{
    return size > capacity ? (abort(), NULL) : getcwd(buffer, size);
}

EXPORT char *get_current_dir_name(void) { return working_folder() ? getcwd(NULL, 0) : NEXT(get_current_dir_name)(); }
