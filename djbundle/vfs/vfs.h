/* The virtual root: the archive of the bundle as a read-only folder ROOT that is on no disk.
 *
 * The launcher preloads this library. Its functions replace those of libc that take a path, or a descriptor that may
 * belong to a file below ROOT. Calls for files outside ROOT are passed on unchanged. If the program runs from a folder,
 * there is no ROOT, and only elsewhere.c has work to do.
 *
 * Two things differ from a disk. read(2) from the descriptor of a folder returns no bytes, where it should fail with
 * EISDIR. Programs that call the kernel without libc, such as those written in Go, do not see ROOT.
 *
 * One function is replaced for another reason: peer.c keeps a client of a Unix socket from ending the process.
 *
 * Other programs do not see ROOT. They get copies of its files in the data directory. A child of vfork(2) shares its
 * memory with its parent, but not its working folder and its descriptors. So it writes to no variable of this library.
 *
 *     path.c        from a path to an entry of the archive     change.c   everything that writes: refused
 *     descriptor.c  entries as open files, and back            link.c     readlink, realpath
 *     open.c        open, fopen                                library.c  dlopen
 *     status.c      stat, access, statfs, xattr                program.c  exec, posix_spawn
 *     folder.c      opendir, scandir, glob                     start.c    what happens before main
 *     working_folder.c  chdir, getcwd                          peer.c     accept4
 *     elsewhere.c   files that are not where a path leads      copies.c   copies of files for other programs
 *     writing.c     what is written beside them                lock.c     flock
 *     maps.c        the list of mapped files
 *     arguments.c   what other programs are told of ROOT        command.c  which program is started, and where
 */
#ifndef VFS_H
#define VFS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "contract.h"
#include "start/launcher_interface.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define ROOT VIRTUAL_ROOT
#define ROOT_NAME (ROOT + 1)
#define ROOT_NAME_LENGTH (sizeof ROOT - 2)

/* Marks the functions that replace libc's; all others are hidden. */
#define EXPORT __attribute__((visibility("default")))

/* libc's own function of that name. */
#define NEXT(name) \
    (__extension__({ \
        static void *next; \
        if (!next) \
            next = dlsym(RTLD_NEXT, #name); \
        (__typeof__(&name))next; \
    }))

/* Set errno and return -1. */
static inline int fail_with(int error)
{
    errno = error;
    return -1;
}

/* --- start.c --- */

extern const struct launcher_interface *launcher; /* NULL if the program runs from a folder: then there is no ROOT */

/* --- owner.c --- */

/* Note that this process owns its memory. Call it in each process but a child of vfork(2). */
void remember_owner(void);

/* Return whether this process is a child of vfork(2), and shares its memory with its parent. */
int is_child_of_vfork(void);

/* --- path.c --- */

/* The kind of the last part of a path, as in Linux' fs/namei.c. */
enum last_type { LAST_NORM, LAST_DOT, LAST_DOTDOT, LAST_ROOT };

/* What a path leads to. */
struct resolved_path {
    const struct entry *entry; /* if inside; NULL if there is nothing, and then `error` has the reason */
    int error;
    int has_parent; /* whether the folder exists in which the entry is, or would be */
    enum last_type last;
    int has_trailing_slash;

    int dirfd; /* if outside: with `path`, the arguments to pass to libc */
    const char *path;
    char buffer[PATH_MAX]; /* for a path that had to be rewritten */
};

/* How to treat a symbolic link at the end of a path. NO_FOLLOW follows it only if a slash comes after it, FOLLOW
 * always, NEVER_FOLLOW never.
 */
enum { NO_FOLLOW, FOLLOW, NEVER_FOLLOW };

/* Return the working folder if it is inside; else NULL. */
const struct entry *working_folder(void);
void set_working_folder(const struct entry *folder);

/* Resolve `path`, relative to `dirfd` as for openat(2). Return whether it leads inside ROOT. */
int resolve_inside(int dirfd, const char *path, int follow, struct resolved_path *resolved);

/* Resolve `path`, relative to the folder `from`. Return whether it leads inside ROOT. */
int resolve_from(const struct entry *from, const char *path, int follow, struct resolved_path *resolved);

/* Write the canonical path of an entry; return its length, or -1 with errno if it does not fit. */
int write_path(const struct entry *entry, char *path, size_t size);

/* --- descriptor.c --- */

/* Return the entry of a descriptor; NULL if the descriptor belongs to another file. */
const struct entry *entry_of(int fd);

/* Return the entry that `status`, the status of a descriptor, belongs to; NULL if it belongs to another file. */
const struct entry *entry_of_status(const struct stat *status);

/* Return a new descriptor, with `flags` as for open(2); -1 with errno on failure. */
int open_entry(const struct entry *entry, int flags);

/* Return the descriptor of a memory file that is kept open for a while; -1 with errno on failure. The caller may use it
 * in a path, but not read from it or close it.
 */
int get_cached_fd(const struct entry *entry);

/* Write "/proc/self/fd/<descriptor>". */
enum { FD_PATH_SIZE = 32 };
void write_fd_path(int fd, char path[FD_PATH_SIZE]);

/* Write "/proc/<this process>/fd/<descriptor>", which other processes can open. */
void write_own_fd_path(int fd, char path[FD_PATH_SIZE]);

/* Make sure that the lock of descriptor.c is free after a fork. */
void register_fork_handlers(void);

/* --- working_folder.c --- */

/* Return the folder inside ROOT in which this process stands, also if it is a child of vfork(2); NULL for none. */
const struct entry *find_standing_folder(void);

/* Go to the copy of the folder in which this process stands, so that another program may start there. Return 0 if it
 * stands outside ROOT or has gone there; -1 with errno if there is no copy.
 */
int go_to_copy(void);

/* --- elsewhere.c --- */

/* Return whether the project has a file or folder of that name at its top. */
int is_of_project(const char *name, size_t length);

/* Return another path to read a file from that is not at `path`; NULL if there is none. It is called when libc's own
 * function has failed. It leaves errno as it is.
 */
const char *find_elsewhere(int dirfd, const char *path, int follow, char buffer[PATH_MAX]);

/* Write the path in the project that belongs to a relative path, or to an absolute one below the working folder; return it.
 * Return NULL if the project has nothing of its first name, or this process stands inside ROOT.
 */
const char *find_in_project(const char *path, char buffer[PATH_MAX]);

/* Return the length of a path without its last part, and without the slashes around it. */
size_t length_of_parent(const char *path, size_t length);

/* Return the folder of the project to which a path leads, whether or not there is one outside; NULL for none. */
const struct entry *find_project_folder(int dirfd, const char *path);

/* Return a path without what leads to the same folder at its start: "./". */
const char *skip_dots(const char *path);

/* Return whether files may be linked from ROOT to the outside: the link is a copy. */
int makes_links(void);

/* --- writing.c --- */

/* Create the folders above a path that only the project has, after a call failed with ENOENT. Return whether the call is
 * to be tried again.
 */
int create_project_folders(int dirfd, const char *path);

/* Copy a file of the project to where a path leads, if it is to be changed there and only the project has it. `flags` are
 * those of open(2). Return -1 with errno if it must not be opened, or cannot be copied.
 */
int prepare_for_writing(int dirfd, const char *path, int flags);

/* --- change.c --- */

/* Copy a file to a path outside where nothing is; return -1 with errno on failure. */
int copy_outside(const struct entry *entry, int dirfd, const char *path);

/* --- copies.c --- */

/* Make sure that a copy of the entry lies in the data directory, and write its path; return -1 with errno on failure.
 * `copied` is the folder that the same caller has copied last, or NULL. Its content is not copied again.
 */
int make_copy(const struct entry *entry, const struct entry **copied, char path[PATH_MAX]);

/* Return the entry to which a path in the folder of copies belongs; NULL if it belongs to none. */
const struct entry *entry_of_copy(const char *path);

/* Return the path of the data directory without links, and set its length; NULL if there is none. */
const char *data_directory(size_t *length);

/* Write the content of a file to a descriptor; return -1 with errno on failure. */
int write_content(const struct entry *entry, int fd);

/* --- maps.c --- */

#define MAPS "/proc/self/maps"

/* Return a descriptor of the list of mapped files, with true names; -1 if it cannot be made. */
int open_maps(void);

/* --- arguments.c --- */

enum { TEXT_ROOM = 65536 };

/* Room for texts that name copies in place of files inside ROOT. */
struct texts {
    const struct entry *folder; /* inside ROOT, in which the program will run; NULL if it runs outside */
    int is_for_spawn; /* whether another process starts the program: it lacks the descriptors of this one */
    int is_for_bundle; /* whether the program is the bundle itself, which sees ROOT */
    int is_variable; /* whether the text is a variable: it gets no descriptor, which may cost much and be of no use */
    int has_words; /* whether words in the text may be names of files of the project, as in the line of a shell */
    const struct entry *copied; /* the folder whose content was copied last */
    size_t used;
    char room[TEXT_ROOM];
};

/* Return the variable with paths that another program can open. It is the same text if no path has to be replaced. */
const char *translate_variable(struct texts *texts, const char *text);

/* Return an argument with paths that another program can open; it may be the name of a file of the project too. */
const char *translate_argument(struct texts *texts, const char *argument);

/* The same for the line of a shell: each word may be such a name. */
const char *translate_line(struct texts *texts, const char *line);

/* --- command.c --- */

/* A command that starts a program. */
struct command {
    const char *program; /* the path by which the kernel can start it */
    const char *script; /* of Python, which the program is to run; NULL for none */
    char *const *arguments, *const *environment;
    int is_for_spawn; /* whether another process starts it */
};

typedef int start_function(const struct command *, void *);

/* Set the program of a command to that at `path`; return 0 with errno if there is none. */
int find_program(struct command *command, const char *path, char buffer[PATH_MAX]);

/* Start a command by `start`, in a folder and with texts that the program can use. Return -1 with errno on failure. */
int start_command(struct command *command, start_function *start, void *with);

/* --- status.c --- */

void fill_stat(const struct entry *entry, struct stat *status);

/* --- library.c --- */

/* Give the loader the true names of the libraries that the launcher preloaded. */
void name_preloaded_libraries(void);

#endif
