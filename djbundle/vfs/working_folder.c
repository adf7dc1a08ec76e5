#include "vfs.h"

#include <stdlib.h>
#include <unistd.h>

static int enter_folder(const struct entry *entry)
{
    if (entry->kind != KIND_FOLDER)
        return fail_with(ENOTDIR);
    if (NEXT(chdir)("/"))
        return -1;
    set_working_folder(entry);
    return 0;
}

EXPORT int chdir(const char *path)
{
    struct resolved_path resolved;
    if (resolve_inside(AT_FDCWD, path, FOLLOW, &resolved))
        return resolved.entry ? enter_folder(resolved.entry) : fail_with(resolved.error);
    if (NEXT(chdir)(resolved.path))
        return -1;
    set_working_folder(NULL);
    return 0;
}

EXPORT int fchdir(int fd)
{
    const struct entry *entry = entry_of(fd);
    if (entry)
        return enter_folder(entry);
    if (NEXT(fchdir)(fd))
        return -1;
    set_working_folder(NULL);
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
