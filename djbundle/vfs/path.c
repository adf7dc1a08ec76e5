#include "vfs.h"

#include <errno.h>

enum { MOST_LINKS = 40 }; /* in one path, as in Linux; path_resolution(7) */

int failed(int error)
{
    errno = error;
    return -1;
}

static int is_end(char c) { return c == '/' || c == 0; }

/* Whether the first `length` bytes of `path` lead to the root of the file system. */
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

/* The part of a path behind the name of ROOT, when the path enters it from outside; else NULL. */
static const char *behind_root(int folder, const char *path)
{
    for (const char *at = path; (at = strstr(at, ROOT_NAME)); at++)
        if ((at == path || at[-1] == '/') && is_end(at[ROOT_NAME_LENGTH])
            && leads_to_top(folder, path, (size_t)(at - path)))
            return at + ROOT_NAME_LENGTH;
    return NULL;
}

/* Write `first`, a slash and `rest`, which may lie in the buffer already; 0 when they do not fit. */
static int join(struct place *place, const char *first, size_t length, const char *rest)
{
    size_t rest_length = strlen(rest);
    if (length + 1 + rest_length >= sizeof place->buffer)
        return 0;
    memmove(place->buffer + length + 1, rest, rest_length + 1);
    memcpy(place->buffer, first, length);
    place->buffer[length] = '/';
    return 1;
}

static int nothing(struct place *place, int error)
{
    place->entry = NULL;
    place->error = error;
    return 1;
}

/* Go on outside: `rest` is relative to the top of the file system, and may well lead back. */
static int leave(struct place *place, const char *rest, int follow)
{
    if (!join(place, "", 0, rest))
        return nothing(place, ENAMETOOLONG);
    return is_inside(AT_FDCWD, place->buffer, follow, place);
}

/* Put the target of a link in front of the rest of the path. */
static const char *expand(struct place *place, const struct entry *link, const char *rest)
{
    char target[PATH_MAX];
    if (link->size >= sizeof target)
        return NULL;
    handover->read_entry(handover->archive, link, target);
    return join(place, target, link->size, rest) ? place->buffer : NULL;
}

/* Follow `path` from the folder `at`. */
static int walk(struct place *place, const struct entry *at, const char *path, int follow)
{
    const struct archive *archive = handover->archive;
    for (int links = 0;;) {
        int had_slash = *path == '/';
        path += strspn(path, "/");
        size_t length = strcspn(path, "/");
        if (length == 0) {
            place->entry = at;
            return had_slash && at->kind != KIND_FOLDER ? nothing(place, ENOTDIR) : 1;
        }
        const char *rest = path + length;
        if (at->kind != KIND_FOLDER)
            return nothing(place, ENOTDIR);
        if (length > NAME_MAX)
            return nothing(place, ENAMETOOLONG);
        if (length == 2 && !memcmp(path, "..", 2)) {
            if (at == archive->entries)
                return leave(place, rest, follow);
            at = &archive->entries[at->parent];
        } else if (length != 1 || *path != '.') {
            const struct entry *child = handover->find_child(archive, at, path, length);
            place->may_create = !rest[strspn(rest, "/")];
            if (!child)
                return nothing(place, ENOENT);
            if (child->kind != KIND_LINK || (!*rest && !follow)) {
                at = child;
            } else if (++links > MOST_LINKS) {
                return nothing(place, ELOOP);
            } else if (!(rest = expand(place, child, rest))) {
                return nothing(place, ENAMETOOLONG);
            } else if (*rest == '/') {
                return leave(place, rest, follow);
            }
        }
        path = rest;
    }
}

int is_inside(int folder, const char *path, int follow, struct place *place)
{
    place->folder = folder;
    place->path = path;
    place->may_create = 0;
    if (!handover || !path || !*path)
        return 0;
    if (*path != '/') {
        const struct entry *from = folder == AT_FDCWD ? working_folder() : entry_of(folder);
        if (from)
            return walk(place, from, path, follow);
    }
    const char *rest = behind_root(folder, path);
    return rest ? walk(place, handover->archive->entries, rest, follow) : 0;
}

int write_path(const struct entry *entry, char *path, size_t size)
{
    const struct archive *archive = handover->archive;
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
