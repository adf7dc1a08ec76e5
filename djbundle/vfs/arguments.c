/* What other programs are told of ROOT: paths in their arguments and variables lead to copies of the files. */
#include "vfs.h"

#include <ctype.h>

/* Characters that end a path in the middle of a text, such as the command of a shell. */
#define DELIMITERS " \t\n\"'`;|&<>(){}[]$*?,:=\\"

/* Write a path by which another program can open an entry. Without a copy, it is the path of a descriptor. */
static int write_path_for_program(struct texts *texts, const struct entry *entry, char path[PATH_MAX])
{
    if (texts->is_for_bundle)
        return write_path(entry, path, PATH_MAX) >= 0;
    if (!make_copy(entry, &texts->copied, path))
        return 1;
    if (entry->kind == KIND_FOLDER || texts->is_variable)
        return 0;
    int fd = texts->is_for_spawn ? get_cached_fd(entry) : open_entry(entry, O_RDONLY);
    if (fd >= 0)
        texts->is_for_spawn ? write_own_fd_path(fd, path) : write_fd_path(fd, path);
    return fd >= 0;
}

/* Return whether a path may begin at `at`: "/djb", "--file=/djb/x", "-I/djb", "file:///djb/x"; not "/srv/djb". */
static int can_begin(const char *text, const char *at)
{
    if (at == text || (*text == '-' && at == text + 2))
        return 1;
    if (at[-1] == '/')
        return at - text >= 3 && at[-2] == '/' && at[-3] == ':';
    return !isalnum((unsigned char)at[-1]) && !strchr("_-.~%+", at[-1]);
}

static const char *find_root(const char *text, const char *from)
{
    for (const char *at = from; (at = strstr(at, ROOT)); at++) {
        char next = at[sizeof ROOT - 1];
        if (can_begin(text, at) && (next == '/' || strchr(DELIMITERS, next))) /* strchr finds the final 0 too */
            return at;
    }
    return NULL;
}

/* Write the path for a program of what the first `length` bytes name, relative to `folder`; return 0 if it is nothing. */
static int translate_path(struct texts *texts, const struct entry *folder, const char *name, size_t length,
                          char path[PATH_MAX])
{
    struct resolved_path resolved;
    char whole[PATH_MAX];
    if (!length || length >= sizeof whole)
        return 0;
    memcpy(whole, name, length);
    whole[length] = 0;
    return resolve_from(folder, whole, FOLLOW, &resolved) && resolved.entry
           && write_path_for_program(texts, resolved.entry, path);
}

/* Return the length of the path that begins at `at`. In quotes, it ends with the quote. */
static size_t path_length(const char *text, const char *at)
{
    char quote[2] = {at == text ? 0 : at[-1], 0};
    size_t length = *quote == '"' || *quote == '\'' ? strcspn(at, quote) : 0;
    return length && at[length] ? length : strcspn(at, DELIMITERS);
}

/* Resolve the name of a file of the project that is not where the process stands. A word without a slash and a dot, such
 * as "install", is not the name of a file.
 */
static int resolve_project_file(const char *argument, struct resolved_path *resolved)
{
    struct stat status;
    char elsewhere[PATH_MAX];
    const char *name = skip_dots(argument);
    return *argument != '/' && strpbrk(argument, "/.") && is_of_project(name, strcspn(name, "/"))
           && NEXT(fstatat)(AT_FDCWD, argument, &status, 0) && find_elsewhere(AT_FDCWD, argument, FOLLOW, elsewhere)
           && resolve_inside(AT_FDCWD, elsewhere, FOLLOW, resolved) && resolved->entry;
}

/* Return whether a word in a text is the name of a file of the project. Without a slash, it is not a text of Python:
 * that is given to the bundle, which finds it itself.
 */
static int is_name_in_text(const char *word, size_t length)
{
    struct resolved_path resolved;
    char name[PATH_MAX];
    if (!length || length >= sizeof name
        || (!memchr(word, '/', length) && length > 3 && !memcmp(word + length - 3, ".py", 3)))
        return 0;
    memcpy(name, word, length);
    name[length] = 0;
    return resolve_project_file(name, &resolved);
}

/* Return where the next path inside ROOT begins, or the next word that is the name of a file of the project. */
static const char *find_path(const struct texts *texts, const char *text, const char *from)
{
    const char *root = find_root(text, from);
    for (const char *at = from; texts->has_words && *at && at != root; at++)
        if ((at == text || strchr(DELIMITERS, at[-1])) && is_name_in_text(at, path_length(text, at)))
            return at;
    return root;
}

static int append(struct texts *texts, const char *text, size_t length)
{
    if (texts->used + length >= sizeof texts->room)
        return 0;
    memcpy(texts->room + texts->used, text, length);
    texts->used += length;
    texts->room[texts->used] = 0;
    return 1;
}

/* Append the text with all paths of the bundle's files translated. Return 0 if there is no room for it. */
static int append_translated(struct texts *texts, const char *text)
{
    const struct entry *root = launcher->archive->entries;
    const char *from = text, *at = text;
    char path[PATH_MAX];
    while ((at = find_path(texts, text, at))) {
        size_t whole = at == text && *at == '/' ? strlen(at) : 0, length = path_length(text, at);
        int is_whole = whole && translate_path(texts, root, at, whole, path);
        if (is_whole || translate_path(texts, root, at, length, path)) {
            if (!append(texts, from, (size_t)(at - from)) || !append(texts, path, strlen(path)))
                return 0;
            from = at + (is_whole ? whole : length);
            if (from[-1] == '/' && !append(texts, "/", 1))
                return 0;
        }
        at += is_whole ? whole : length;
    }
    return append(texts, from, strlen(from));
}

static const char *translate_text(struct texts *texts, const char *text)
{
    size_t begin = texts->used;
    if (!launcher || !text || texts->is_for_bundle || !find_path(texts, text, text))
        return text;
    if (!append_translated(texts, text)) {
        texts->used = begin;
        return text;
    }
    texts->used++;
    return texts->room + begin;
}

/* Make copies of what the text names relative to the folder in which the program will run. */
static void copy_named(struct texts *texts, const char *text)
{
    char path[PATH_MAX];
    translate_path(texts, texts->folder, text, strlen(text), path);
    for (const char *at = text; *(at += strspn(at, DELIMITERS)); at += strcspn(at, DELIMITERS))
        if (*at != '/' && *at != '-')
            translate_path(texts, texts->folder, at, strcspn(at, DELIMITERS), path);
}

/* Return the path of a file that the argument names relative to a folder; NULL if it names none. */
static const char *translate_name(struct texts *texts, const char *argument)
{
    struct resolved_path resolved;
    char path[PATH_MAX];
    size_t begin = texts->used;
    if (!*argument || *argument == '-' || *argument == '/')
        return NULL;
    if (texts->folder ? !resolve_from(texts->folder, argument, FOLLOW, &resolved)
                      : !resolve_project_file(argument, &resolved))
        return NULL;
    if (!resolved.entry || resolved.entry->kind == KIND_FOLDER || !write_path_for_program(texts, resolved.entry, path)
        || !append(texts, path, strlen(path)))
        return NULL;
    texts->used++;
    return texts->room + begin;
}

/* A program that runs in the copy of a folder finds copies there by their names. */
static const char *translate(struct texts *texts, const char *argument, int is_line)
{
    if (!launcher)
        return argument;
    int runs_in_copy = texts->folder && !texts->is_for_bundle;
    if (runs_in_copy)
        copy_named(texts, argument);
    texts->has_words = !runs_in_copy && (is_line || (*argument == '-' && strchr(argument, '=')));
    const char *name = runs_in_copy || is_line ? NULL : translate_name(texts, argument);
    return name ? name : translate_text(texts, argument);
}

const char *translate_argument(struct texts *texts, const char *argument) { return translate(texts, argument, 0); }

const char *translate_line(struct texts *texts, const char *line) { return translate(texts, line, 1); }

const char *translate_variable(struct texts *texts, const char *text)
{
    texts->is_variable = 1;
    texts->has_words = !texts->folder;
    return translate_text(texts, text);
}
