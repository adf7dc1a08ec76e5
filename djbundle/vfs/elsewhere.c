/* Files that are not where a path leads, and are read from another place.
 *
 * A project is started in its own folder, so it may open "shop/prices.csv". A bundle is started anywhere. So a relative
 * path that leads to nothing is looked for in the project's tree. The same is done with an absolute path that was made
 * from the working folder.
 *
 * A symbolic link on the disk may lead into ROOT, where the kernel finds nothing.
 *
 * All of this is for reading only, and only after libc's own function has found nothing. writing.c has the rest.
 */
#include "vfs.h"

#include <stdlib.h>
#include <unistd.h>

enum { MAX_LINKS = 40 }; /* in one path, as in Linux; path_resolution(7) */

/* The names at the top of the project, each with a 0 at its end, and an empty one at the end. NULL for none. */
static char *project_names;
static char project_root[PATH_MAX];
static char start_folder[PATH_MAX]; /* in which the process was started */
static int is_listed;               /* whether a list of that folder shows the names of the project */

EXPORT void djbundle_show_project(const char *root, const char *names, size_t size)
{
    char *copy = malloc(size + 1);
    if (!copy || strlen(root) >= sizeof project_root)
        return;
    memcpy(copy, names, size);
    copy[size] = 0;
    strcpy(project_root, root);
    if (!project_names && !NEXT(getcwd)(start_folder, sizeof start_folder))
        *start_folder = 0;
    project_names = copy;
}

EXPORT void djbundle_list_project(void) { is_listed = 1; }

int makes_links(void) { return project_names && *project_names; }

int is_of_project(const char *name, size_t length)
{
    for (const char *each = project_names; each && *each; each += strlen(each) + 1)
        if (strlen(each) == length && !memcmp(each, name, length))
            return 1;
    return 0;
}

static int is_below(const char *path, const char *folder, size_t length)
{
    return length && !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

/* Return the part of a path after a folder; NULL if it does not lie there. Files are not looked for in "/" and in the data
 * directory: there, absolute paths name files of their own.
 */
static const char *part_below(const char *path, const char *folder)
{
    size_t data_length;
    const char *data = data_directory(&data_length);
    if (!*folder || !folder[1] || (data && is_below(folder, data, data_length)))
        return NULL;
    return is_below(path, folder, strlen(folder)) ? path + strlen(folder) : NULL;
}

static int begins_in_project(const char *path) { return path && is_of_project(path, strcspn(path, "/")); }

/* Return the part of an absolute path after the folder of the start or the working folder; NULL if it lies in none. */
static const char *relative_part(const char *path)
{
    char folder[PATH_MAX];
    const char *part = part_below(path, start_folder);
    if (part && begins_in_project(skip_dots(part)))
        return part;
    return NEXT(getcwd)(folder, sizeof folder) ? part_below(path, folder) : NULL;
}

/* Return a relative path as one from the folder of the start. The process may have gone to a folder below it that has the
 * name of one of the project.
 */
static const char *path_from_start(const char *path, char buffer[PATH_MAX])
{
    char folder[PATH_MAX];
    const char *part = NEXT(getcwd)(folder, sizeof folder) ? part_below(folder, start_folder) : NULL;
    part = part ? skip_dots(part) : NULL;
    if (!begins_in_project(part) || strlen(part) + 1 + strlen(path) >= PATH_MAX)
        return path;
    return stpcpy(stpcpy(stpcpy(buffer, part), "/"), path), buffer;
}

const char *skip_dots(const char *path)
{
    while (*path == '/' || (path[0] == '.' && path[1] == '/'))
        path++;
    return path;
}

const char *find_in_project(const char *path, char buffer[PATH_MAX])
{
    if (!project_names || working_folder() || is_below(path, project_root, strlen(project_root)))
        return NULL;
    char whole[PATH_MAX];
    const char *rest = *path == '/' ? relative_part(path) : path_from_start(path, whole);
    if (!rest)
        return NULL;
    rest = skip_dots(rest);
    if (!begins_in_project(rest) || strlen(project_root) + 1 + strlen(rest) >= PATH_MAX)
        return NULL;
    stpcpy(stpcpy(stpcpy(buffer, project_root), "/"), rest);
    return buffer;
}

/* Read the link that is the first `length` bytes of a path. Return the length of its target; -1 if it is not a link. */
static ssize_t read_link(int dirfd, const char *path, size_t length, char target[PATH_MAX])
{
    char name[PATH_MAX];
    memcpy(name, path, length);
    name[length] = 0;
    ssize_t size = NEXT(readlinkat)(dirfd, name, target, PATH_MAX - 1);
    if (size >= 0)
        target[size] = 0;
    return size;
}

/* Put the target of a link in place of the first `length` bytes of the path. Return 0 if it does not fit. */
static int replace_link(char path[PATH_MAX], size_t length, const char *target)
{
    size_t begin = length, size = strlen(target), rest = strlen(path + length);
    while (*target != '/' && begin && path[begin - 1] != '/')
        begin--;
    begin = *target == '/' ? 0 : begin;
    if (begin + size + rest >= PATH_MAX)
        return 0;
    memmove(path + begin + size, path + length, rest + 1);
    memcpy(path + begin, target, size);
    return 1;
}

size_t length_of_parent(const char *path, size_t length)
{
    while (length && path[length - 1] == '/')
        length--;
    while (length && path[length - 1] != '/')
        length--;
    while (length && path[length - 1] == '/')
        length--;
    return length;
}

/* Replace the symbolic link behind which the kernel finds nothing. It is the last link of the path: what comes before it
 * is there, and nothing that comes after it. Return 1 if the path leads into ROOT then, 0 if a link was replaced, -1 if
 * there is none.
 */
static int replace_last_link(int dirfd, char path[PATH_MAX], int follow)
{
    char target[PATH_MAX];
    size_t whole = strlen(path), length = whole;
    while (length && path[length - 1] == '/')
        length--;
    if (follow != FOLLOW && length == whole)
        length = length_of_parent(path, length);
    for (; length; length = length_of_parent(path, length)) {
        if (read_link(dirfd, path, length, target) >= 0)
            return replace_link(path, length, target) ? is_below(target, ROOT, sizeof ROOT - 1) : -1;
        if (errno != ENOENT)
            return -1;
    }
    return -1;
}

static const char *find_behind_link(int dirfd, const char *path, int follow, char buffer[PATH_MAX])
{
    char target[PATH_MAX];
    int outcome = 0;
    if (!launcher || strlen(path) >= PATH_MAX)
        return NULL;
    strcpy(buffer, path);
    for (int links = 0; links < MAX_LINKS && outcome == 0; links++) {
        outcome = replace_last_link(dirfd, buffer, follow);
        if (outcome == 0 && find_in_project(buffer, target)) /* the link was made by os.path.abspath() */
            return strcpy(buffer, target);
    }
    return outcome == 1 ? buffer : NULL;
}

/* Write the absolute path of a path that is relative to an open folder; return NULL if it has none. */
static const char *path_at(int dirfd, const char *path, char buffer[PATH_MAX])
{
    char link[FD_PATH_SIZE];
    write_fd_path(dirfd, link);
    ssize_t length = NEXT(readlinkat)(AT_FDCWD, link, buffer, PATH_MAX - 1);
    if (length <= 0 || *buffer != '/' || (size_t)length + 1 + strlen(path) >= PATH_MAX)
        return NULL;
    buffer[length] = '/';
    return strcpy(buffer + length + 1, path), buffer;
}

static int is_there(const char *path)
{
    struct resolved_path resolved;
    struct stat status;
    if (resolve_inside(AT_FDCWD, path, NEVER_FOLLOW, &resolved))
        return !!resolved.entry;
    return !NEXT(fstatat)(AT_FDCWD, resolved.path, &status, AT_SYMLINK_NOFOLLOW);
}

const char *find_elsewhere(int dirfd, const char *path, int follow, char buffer[PATH_MAX])
{
    char absolute[PATH_MAX];
    if (errno != ENOENT || !path || !*path)
        return NULL;
    const char *whole = dirfd == AT_FDCWD || *path == '/' ? path : path_at(dirfd, path, absolute);
    const char *found = whole ? find_in_project(whole, buffer) : NULL;
    if (!found || !is_there(found))
        found = find_behind_link(dirfd, path, follow, buffer);
    errno = ENOENT;
    return found;
}

/* Return whether a path leads to the folder of the start, and a list of it shows the project. */
static int is_listed_folder(const char *path)
{
    char folder[PATH_MAX];
    if (!is_listed || working_folder() || !*path)
        return 0;
    int is_relative = *path != '/';
    const char *whole = is_relative ? NEXT(getcwd)(folder, sizeof folder) : path;
    const char *rest = whole ? part_below(whole, start_folder) : NULL;
    if (!rest || (is_relative && *rest))
        return 0;
    rest = skip_dots(is_relative ? path : rest);
    return !*rest || !strcmp(rest, ".");
}

const struct entry *find_project_folder(int dirfd, const char *path)
{
    struct resolved_path resolved;
    char inside[PATH_MAX];
    if (!launcher || !path || (dirfd != AT_FDCWD && *path != '/'))
        return NULL;
    if (is_listed_folder(path))
        strcpy(inside, project_root);
    else if (!find_in_project(path, inside))
        return NULL;
    int is_found = resolve_inside(AT_FDCWD, inside, FOLLOW, &resolved) && resolved.entry;
    return is_found && resolved.entry->kind == KIND_FOLDER ? resolved.entry : NULL;
}
