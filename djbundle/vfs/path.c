#include "vfs.h"

#include <stdatomic.h>

enum { MOST_LINKS = 40 }; /* in one path, as in Linux; path_resolution(7) */

/* The working folder inside ROOT. Meanwhile the kernel's working folder is "/". */
static _Atomic(const struct entry *) here;

const struct entry *working_folder(void) { return atomic_load_explicit(&here, memory_order_relaxed); }

void set_working_folder(const struct entry *folder) { atomic_store(&here, folder); }

static int is_end(char c) { return c == '/' || c == 0; }

/* Return whether the first `length` bytes of `path` lead to the root of the file system. */
static int leads_to_top(int folder, const char *path, size_t length)
{
    char prefix[PATH_MAX];
    struct stat here, top;
    size_t slashes = strspn(path, "/");
    if (length > 0 && slashes >= length)
        return 1;
    if (length >= sizeof prefix)
        return 0;
    memcpy(prefix, path, length);
    strcpy(prefix + length, length ? "" : ".");
    return NEXT(fstatat)(folder, prefix, &here, 0) == 0 && NEXT(stat)("/", &top) == 0 && here.st_dev == top.st_dev
           && here.st_ino == top.st_ino;
}

/* Return the part of a path after the name of ROOT, if the path enters ROOT from outside; else NULL. */
static const char *behind_root(int folder, const char *path)
{
    for (const char *at = path; (at = strstr(at, ROOT_NAME)); at++)
        if ((at == path || at[-1] == '/') && is_end(at[ROOT_NAME_LENGTH])
            && leads_to_top(folder, path, (size_t)(at - path)))
            return at + ROOT_NAME_LENGTH;
    return NULL;
}

/* Write `first` and `rest` to the buffer; `rest` may lie in it already. Return 0 if they do not fit. */
static int join(struct place *place, const char *first, size_t length, const char *rest)
{
    size_t rest_length = strlen(rest);
    if (length + rest_length >= sizeof place->buffer)
        return 0;
    memmove(place->buffer + length, rest, rest_length + 1);
    memcpy(place->buffer, first, length);
    return 1;
}

static int nothing(struct place *place, int error, int has_parent)
{
    place->entry = NULL;
    place->error = error;
    place->has_parent = has_parent;
    return 1;
}

/* Continue outside ROOT: `rest` is relative to the root of the file system, and may lead back into ROOT. */
static int leave(struct place *place, const char *rest, int follow)
{
    if (!join(place, "/", 1, rest))
        return nothing(place, ENAMETOOLONG, 0);
    return is_inside(AT_FDCWD, place->buffer, follow, place);
}

/* Put the target of a link in front of the rest of the path; return NULL if they do not fit. */
static const char *expand(struct place *place, const struct entry *link, const char *rest)
{
    char target[PATH_MAX];
    if (link->size >= sizeof target)
        return NULL;
    launcher->read_entry(launcher->archive, link, target);
    return join(place, target, link->size, rest) ? place->buffer : NULL;
}

static enum last kind_of(const char *name, size_t length)
{
    if (length == 1 && *name == '.')
        return LAST_DOT;
    return length == 2 && name[0] == '.' && name[1] == '.' ? LAST_DOT_DOT : LAST_NAME;
}

/* Follow `path`, the remaining part of the path, from the folder `at`. */
static int walk(struct place *place, const struct entry *at, const char *path, int follow)
{
    const struct archive *archive = launcher->archive;
    place->last = LAST_ROOT;
    for (int links = 0;;) {
        place->has_slash = *path == '/';
        path += strspn(path, "/");
        size_t length = strcspn(path, "/");
        if (length == 0)
            break;
        if (at->kind != KIND_FOLDER)
            return nothing(place, ENOTDIR, 0);
        const char *rest = path + length;
        int is_end = !rest[strspn(rest, "/")];
        place->last = kind_of(path, length);
        place->has_slash = *rest == '/';
        if (length > NAME_MAX)
            return nothing(place, ENAMETOOLONG, is_end);
        if (place->last == LAST_DOT_DOT && at == archive->entries)
            return leave(place, rest, follow);
        if (place->last == LAST_DOT_DOT)
            at = &archive->entries[at->parent];
        if (place->last == LAST_NAME) {
            const struct entry *child = launcher->find_child(archive, at, path, length);
            if (!child)
                return nothing(place, ENOENT, is_end);
            if (child->kind != KIND_LINK || (!*rest && follow == NO_FOLLOW) || (is_end && follow == STAY))
                at = child;
            else if (++links > MOST_LINKS)
                return nothing(place, ELOOP, 0);
            else if (!(rest = expand(place, child, rest)))
                return nothing(place, ENAMETOOLONG, 0);
            else if (*rest == '/')
                return leave(place, rest, follow);
        }
        path = rest;
    }
    if (place->has_slash && at->kind != KIND_FOLDER)
        return nothing(place, ENOTDIR, 1);
    place->entry = at;
    place->has_parent = 1;
    return 1;
}

int is_inside(int folder, const char *path, int follow, struct place *place)
{
    place->folder = folder;
    place->path = path;
    if (!launcher || !path || !*path)
        return 0;
    const struct entry *from = NULL;
    if (*path != '/')
        from = folder == AT_FDCWD ? working_folder() : entry_of(folder);
    const char *rest = from ? path : behind_root(folder, path);
    if (!rest)
        return 0;
    if (strlen(path) >= PATH_MAX)
        return nothing(place, ENAMETOOLONG, 0);
    return walk(place, from ? from : launcher->archive->entries, rest, follow);
}

int write_path(const struct entry *entry, char *path, size_t size)
{
    const struct archive *archive = launcher->archive;
    char buffer[PATH_MAX], *begin = buffer + sizeof buffer - 1;
    *begin = 0;
    for (; entry != archive->entries; entry = &archive->entries[entry->parent]) {
        if (begin - buffer < entry->name_length + 1 + (long)sizeof ROOT)
            return failed(ENAMETOOLONG);
        begin -= entry->name_length;
        memcpy(begin, archive->names + entry->name, entry->name_length);
        *--begin = '/';
    }
    begin -= sizeof ROOT - 1;
    memcpy(begin, ROOT, sizeof ROOT - 1);
    size_t length = (size_t)(buffer + sizeof buffer - 1 - begin);
    if (length >= size)
        return failed(ERANGE);
    memcpy(path, begin, length + 1);
    return (int)length;
}
