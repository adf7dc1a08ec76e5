#include "vfs.h"

#include <stdatomic.h>

enum { MAX_LINKS = 40 }; /* in one path, as in Linux; path_resolution(7) */

/* The working folder, if it is inside ROOT; else NULL. The kernel has another one meanwhile: see working_folder.c. */
static _Atomic(const struct entry *) current_folder;

const struct entry *working_folder(void) { return atomic_load_explicit(&current_folder, memory_order_relaxed); }

void set_working_folder(const struct entry *folder) { atomic_store(&current_folder, folder); }

static int is_end(char c) { return c == '/' || c == 0; }

/* Return whether the first `length` bytes of `path` lead to the root of the file system. */
static int leads_to_root(int dirfd, const char *path, size_t length)
{
    char prefix[PATH_MAX];
    struct stat prefix_status, root_status;
    size_t slashes = strspn(path, "/");
    if (length > 0 && slashes >= length)
        return 1;
    if (length >= sizeof prefix)
        return 0;
    memcpy(prefix, path, length);
    strcpy(prefix + length, length ? "" : ".");
    return NEXT(fstatat)(dirfd, prefix, &prefix_status, 0) == 0 && NEXT(stat)("/", &root_status) == 0
           && prefix_status.st_dev == root_status.st_dev && prefix_status.st_ino == root_status.st_ino;
}

/* Return the part of a path after the name of ROOT, if the path enters ROOT from outside; else NULL. */
static const char *path_below_root(int dirfd, const char *path)
{
    for (const char *at = path; (at = strstr(at, ROOT_NAME)); at++)
        if ((at == path || at[-1] == '/') && is_end(at[ROOT_NAME_LENGTH])
            && leads_to_root(dirfd, path, (size_t)(at - path)))
            return at + ROOT_NAME_LENGTH;
    return NULL;
}

/* Write `first` and `rest` to the buffer; `rest` may lie in it already. Return 0 if they do not fit. */
static int join_in_buffer(struct resolved_path *resolved, const char *first, size_t length, const char *rest)
{
    size_t rest_length = strlen(rest);
    if (length + rest_length >= sizeof resolved->buffer)
        return 0;
    memmove(resolved->buffer + length, rest, rest_length + 1);
    memcpy(resolved->buffer, first, length);
    return 1;
}

static int resolve_to_error(struct resolved_path *resolved, int error, int has_parent)
{
    resolved->entry = NULL;
    resolved->error = error;
    resolved->has_parent = has_parent;
    return 1;
}

/* Continue outside ROOT: `rest` is relative to the root of the file system, and may lead back into ROOT. */
static int continue_outside(struct resolved_path *resolved, const char *rest, int follow)
{
    if (!join_in_buffer(resolved, "/", 1, rest))
        return resolve_to_error(resolved, ENAMETOOLONG, 0);
    return resolve_inside(AT_FDCWD, resolved->buffer, follow, resolved);
}

/* Put the target of a link in front of the rest of the path; return NULL if they do not fit. */
static const char *expand_link(struct resolved_path *resolved, const struct entry *link, const char *rest)
{
    char target[PATH_MAX];
    if (link->size >= sizeof target)
        return NULL;
    launcher->read_entry(launcher->archive, link, target);
    return join_in_buffer(resolved, target, link->size, rest) ? resolved->buffer : NULL;
}

static enum last_type last_type_of(const char *name, size_t length)
{
    if (length == 1 && *name == '.')
        return LAST_DOT;
    return length == 2 && name[0] == '.' && name[1] == '.' ? LAST_DOTDOT : LAST_NORM;
}

/* Follow `path`, the remaining part of the path, from the folder `at`. */
static int walk(struct resolved_path *resolved, const struct entry *at, const char *path, int follow)
{
    const struct archive *archive = launcher->archive;
    resolved->last = LAST_ROOT;
    for (int links = 0;;) {
        resolved->has_trailing_slash = *path == '/';
        path += strspn(path, "/");
        size_t length = strcspn(path, "/");
        if (length == 0)
            break;
        if (at->kind != KIND_FOLDER)
            return resolve_to_error(resolved, ENOTDIR, 0);
        const char *rest = path + length;
        int is_end = !rest[strspn(rest, "/")];
        resolved->last = last_type_of(path, length);
        resolved->has_trailing_slash = *rest == '/';
        if (length > NAME_MAX)
            return resolve_to_error(resolved, ENAMETOOLONG, is_end);
        if (resolved->last == LAST_DOTDOT && at == archive->entries)
            return continue_outside(resolved, rest, follow);
        if (resolved->last == LAST_DOTDOT)
            at = &archive->entries[at->parent];
        if (resolved->last == LAST_NORM) {
            const struct entry *child = launcher->find_child(archive, at, path, length);
            if (!child)
                return resolve_to_error(resolved, ENOENT, is_end);
            if (child->kind != KIND_LINK || (!*rest && follow == NO_FOLLOW) || (is_end && follow == NEVER_FOLLOW))
                at = child;
            else if (++links > MAX_LINKS)
                return resolve_to_error(resolved, ELOOP, 0);
            else if (!(rest = expand_link(resolved, child, rest)))
                return resolve_to_error(resolved, ENAMETOOLONG, 0);
            else if (*rest == '/')
                return continue_outside(resolved, rest, follow);
        }
        path = rest;
    }
    if (resolved->has_trailing_slash && at->kind != KIND_FOLDER)
        return resolve_to_error(resolved, ENOTDIR, 1);
    resolved->entry = at;
    resolved->has_parent = 1;
    return 1;
}

int resolve_inside(int dirfd, const char *path, int follow, struct resolved_path *resolved)
{
    resolved->dirfd = dirfd;
    resolved->path = path;
    if (!launcher || !path || !*path)
        return 0;
    const struct entry *from = NULL;
    if (*path != '/')
        from = dirfd == AT_FDCWD ? working_folder() : entry_of(dirfd);
    const char *rest = from ? path : path_below_root(dirfd, path);
    if (!rest)
        return 0;
    if (strlen(path) >= PATH_MAX)
        return resolve_to_error(resolved, ENAMETOOLONG, 0);
    return walk(resolved, from ? from : launcher->archive->entries, rest, follow);
}

int resolve_from(const struct entry *from, const char *path, int follow, struct resolved_path *resolved)
{
    resolved->dirfd = AT_FDCWD;
    resolved->path = path;
    if (strlen(path) >= PATH_MAX)
        return resolve_to_error(resolved, ENAMETOOLONG, 0);
    return *path == '/' ? resolve_inside(AT_FDCWD, path, follow, resolved) : walk(resolved, from, path, follow);
}

int write_path(const struct entry *entry, char *path, size_t size)
{
    const struct archive *archive = launcher->archive;
    char buffer[PATH_MAX], *begin = buffer + sizeof buffer - 1;
    *begin = 0;
    for (; entry != archive->entries; entry = &archive->entries[entry->parent]) {
        if (begin - buffer < entry->name_length + 1 + (long)sizeof ROOT)
            return fail_with(ENAMETOOLONG);
        begin -= entry->name_length;
        memcpy(begin, archive->names + entry->name, entry->name_length);
        *--begin = '/';
    }
    begin -= sizeof ROOT - 1;
    memcpy(begin, ROOT, sizeof ROOT - 1);
    size_t length = (size_t)(buffer + sizeof buffer - 1 - begin);
    if (length >= size)
        return fail_with(ERANGE);
    memcpy(path, begin, length + 1);
    return (int)length;
}
