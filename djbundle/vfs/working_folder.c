#include "vfs.h"

#include <stdlib.h>
#include <unistd.h>

static int enter(const struct entry *entry)
{
    if (entry->kind != KIND_FOLDER)
        return failed(ENOTDIR);
    if (NEXT(chdir)("/"))
        return -1;
    set_working_folder(entry);
    return 0;
}

EXPORT int chdir(const char *path)
{
    struct place place;
    if (is_inside(AT_FDCWD, path, FOLLOW, &place))
        return place.entry ? enter(place.entry) : failed(place.error);
    if (NEXT(chdir)(place.path))
        return -1;
    set_working_folder(NULL);
    return 0;
}

EXPORT int fchdir(int descriptor)
{
    const struct entry *entry = entry_of(descriptor);
    if (entry)
        return enter(entry);
    if (NEXT(fchdir)(descriptor))
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

EXPORT char *__getcwd_chk(char *buffer, size_t size, size_t room)
{
    return size > room ? (abort(), NULL) : getcwd(buffer, size);
}

EXPORT char *get_current_dir_name(void) { return working_folder() ? getcwd(NULL, 0) : NEXT(get_current_dir_name)(); }
