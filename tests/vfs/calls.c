/* Calls functions of libc that Python does not call, on the tree of conftest.py. test_conformance.py loads it as a
 * library, so that it is bound to whatever stands in front of libc. Prints one line for each result.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

static char root[64], odd[128], path_of[PATH_MAX];

static const char *in(const char *name)
{
    snprintf(path_of, sizeof path_of, "%s/%s", odd, name);
    return path_of;
}

static void say(const char *label, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("%s: ", label);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

static void say_result(const char *label, long result) { say(label, "%s", result < 0 ? strerrorname_np(errno) : "ok"); }

static void say_status(const char *label, int result, const struct stat *status)
{
    if (result)
        say_result(label, result);
    else
        say(label, "%o %ld", status->st_mode & S_IFMT, S_ISDIR(status->st_mode) ? 0 : (long)status->st_size);
}

/* --- streams --- */

static void read_stream(const char *label, FILE *stream)
{
    char line[64] = "";
    if (!stream) {
        say_result(label, -1);
        return;
    }
    say(label, "%s %ld", fgets(line, sizeof line, stream) ? strtok(line, "\n") : "nothing", ftell(stream));
    fclose(stream);
}

static void streams(void)
{
    static const char *const MODES[] = {"r", "rb", "re", "r+", "w", "w+", "a", "a+", "wx"};
    static const char *const NAMES[] = {"file.txt", "missing", "missing/x", "folder", "to-file", "dangling", "loop"};
    char label[64];
    for (size_t n = 0; n < sizeof NAMES / sizeof *NAMES; n++)
        for (size_t m = 0; m < sizeof MODES / sizeof *MODES; m++) {
            snprintf(label, sizeof label, "fopen %s %s", NAMES[n], MODES[m]);
            FILE *stream = fopen(in(NAMES[n]), MODES[m]);
            if (!strcmp(NAMES[n], "folder") && stream) {
                say(label, "opened");
                fclose(stream);
            } else {
                read_stream(label, stream);
            }
        }
    read_stream("freopen", freopen(in("file.txt"), "r", fopen("/dev/null", "r")));
    read_stream("freopen missing", freopen(in("missing"), "r", fopen("/dev/null", "r")));
    read_stream("freopen to write", freopen(in("file.txt"), "w", fopen("/dev/null", "r")));
    FILE *stream = fopen(in("large.bin"), "r");
    say("fseek", "%d %ld", fseek(stream, -10, SEEK_END), ftell(stream));
    fclose(stream);
}

/* --- folders --- */

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void say_names(const char *label, char **names, int count)
{
    qsort(names, (size_t)count, sizeof *names, compare);
    printf("%s: %d", label, count);
    for (int i = 0; i < count; i++)
        printf(" %.12s", names[i]);
    printf("\n");
}

static int is_text(const struct dirent *entry) { return !!strstr(entry->d_name, ".txt"); }

static void folders(void)
{
    char *names[256];
    int count = 0;
    struct dirent *entry, **list;
    DIR *folder = opendir(odd);
    while ((entry = readdir(folder)) && count < 256)
        names[count++] = strdup(entry->d_name);
    say_names("readdir", names, count);
    rewinddir(folder);
    for (int i = 0; i < 4; i++)
        entry = readdir(folder);
    long place = telldir(folder);
    entry = readdir(folder);
    char *fifth = strdup(entry->d_name);
    while (readdir(folder))
        ;
    seekdir(folder, place);
    say("seekdir", "%d", !strcmp(readdir(folder)->d_name, fifth));
    struct stat status;
    say_status("dirfd", fstat(dirfd(folder), &status), &status);
    say_status("below dirfd", fstatat(dirfd(folder), "file.txt", &status, 0), &status);
    say_result("closedir", closedir(folder));

    int types[3] = {0};
    for (folder = opendir(odd); (entry = readdir(folder));)
        types[entry->d_type == DT_DIR ? 0 : entry->d_type == DT_REG ? 1 : 2]++;
    say("types", "%d %d %d", types[0], types[1], types[2]);
    closedir(folder);

    folder = fdopendir(open(in("folder"), O_RDONLY | O_DIRECTORY));
    count = 0;
    while ((entry = readdir(folder)))
        names[count++] = strdup(entry->d_name);
    closedir(folder);
    say_names("fdopendir", names, count);

    count = scandir(odd, &list, is_text, alphasort);
    for (int i = 0; i < count; i++)
        names[i] = list[i]->d_name;
    say_names("scandir", names, count);
    int parent = open(root, O_RDONLY | O_DIRECTORY);
    say("scandirat", "%d", scandirat(parent, "odd/folder", &list, NULL, alphasort));
    close(parent);
    say_result("scandir missing", scandir(in("missing"), &list, NULL, NULL));
    say_result("opendir missing", opendir(in("missing")) ? 0 : -1);
    say_result("opendir file", opendir(in("file.txt")) ? 0 : -1);

    glob_t matches;
    int error = glob(in("f*/*.txt"), GLOB_MARK, NULL, &matches);
    say("glob", "%d %zu", error, matches.gl_pathc);
    error = glob(in("{file,copy}.txt"), GLOB_BRACE, NULL, &matches);
    say("glob braces", "%d %zu", error, matches.gl_pathc);
    say("glob nothing", "%d", glob(in("*.none"), 0, NULL, &matches));
}

/* --- status --- */

extern int __xstat(int, const char *, struct stat *);
extern int __lxstat(int, const char *, struct stat *);
extern int __fxstat(int, int, struct stat *);
extern int __fxstatat(int, int, const char *, struct stat *, int);

static void statuses(void)
{
    static const char *const NAMES[] = {"file.txt", "to-file", "folder", "missing", "file.txt/x", "loop"};
    char label[64];
    struct stat status;
    struct statx more;
    for (size_t n = 0; n < sizeof NAMES / sizeof *NAMES; n++) {
        const char *path = in(NAMES[n]);
#define LABEL(text) (snprintf(label, sizeof label, text " %s", NAMES[n]), label)
        say_status(LABEL("stat"), stat(path, &status), &status);
        say_status(LABEL("lstat"), lstat(path, &status), &status);
        say_status(LABEL("xstat"), __xstat(1, path, &status), &status);
        say_status(LABEL("lxstat"), __lxstat(1, path, &status), &status);
        say_status(LABEL("fxstatat"), __fxstatat(1, AT_FDCWD, path, &status, 0), &status);
        int result = statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &more);
        say(LABEL("statx"), "%s %o", result ? strerrorname_np(errno) : "ok", result ? 0 : more.stx_mode & S_IFMT);
        say_result(LABEL("eaccess"), eaccess(path, R_OK));
        say_result(LABEL("euidaccess"), euidaccess(path, X_OK));
        say_result(LABEL("faccessat"), faccessat(AT_FDCWD, path, W_OK, AT_EACCESS));
        struct statfs fs;
        struct statvfs vfs;
        say_result(LABEL("statfs"), statfs(path, &fs));
        say_result(LABEL("statvfs"), statvfs(path, &vfs));
        say(LABEL("pathconf"), "%ld", pathconf(path, _PC_NAME_MAX));
        char value[8];
        say_result(LABEL("getxattr"), getxattr(path, "user.x", value, sizeof value));
        say_result(LABEL("lgetxattr"), lgetxattr(path, "user.x", value, sizeof value));
    }
    int fd = open(in("file.txt"), O_RDONLY);
    say_status("fxstat", __fxstat(1, fd, &status), &status);
    say_status("empty path", fstatat(fd, "", &status, AT_EMPTY_PATH), &status);
    int result = statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &more);
    say("statx of a descriptor", "%d %llu", result, (unsigned long long)more.stx_size);
    struct stat again;
    stat(in("file.txt"), &again);
    say("one file", "%d",
        again.st_ino == status.st_ino && again.st_dev == status.st_dev && more.stx_ino == again.st_ino);
    close(fd);
}

/* --- names --- */

static void names(void)
{
    char buffer[PATH_MAX];
    char *real = realpath(in("to-folder/../up.txt"), buffer);
    say("realpath", "%s", real ? real + strlen(root) : strerrorname_np(errno));
    real = canonicalize_file_name(in("folder/up/to-file"));
    say("canonicalize", "%s", real ? real + strlen(root) : strerrorname_np(errno));
    say_result("realpath missing", realpath(in("missing"), buffer) ? 0 : -1);
    say("readlink cut", "%zd", readlink(in("to-folder"), buffer, 3));
    say_result("readlink file", readlink(in("file.txt"), buffer, sizeof buffer));
    say_result("chdir", chdir(in("folder")));
    say("getcwd", "%s", getcwd(buffer, sizeof buffer) + strlen(root));
    say_result("getcwd small", getcwd(buffer, 4) ? 0 : -1);
    char *current = getcwd(NULL, 0);
    say("getcwd allocated", "%s", current + strlen(root));
    current = get_current_dir_name();
    say("current", "%s", current + strlen(root));
    read_stream("relative", fopen("up.txt", "r"));
    read_stream("relative up", fopen("../file.txt", "r"));
    say_result("relative creat", creat("new", 0600));
    say_result("chdir back", chdir("/"));
}

/* --- changes --- */

static void changes(void)
{
    struct timeval times[2] = {{0, 0}, {0, 0}};
    struct utimbuf old = {0, 0};
    const char *path = in("file.txt");
    say_result("creat", creat(path, 0600));
    say_result("remove", remove(path));
    say_result("lchmod", lchmod(path, 0600));
    say_result("utimes", utimes(path, times));
    say_result("lutimes", lutimes(path, times));
    say_result("utime", utime(path, &old));
    say_result("truncate", truncate(path, 1));
    say_result("removexattr", removexattr(path, "user.x"));
    say_result("remove folder", remove(in("folder")));
    say_result("mkfifoat", mkfifoat(AT_FDCWD, in("new"), 0600));
    int fd = open(in("file.txt"), O_RDONLY);
    say_result("futimes", futimes(fd, times));
    say_result("fchown", fchown(fd, 0, 0));
    close(fd);
}

/* --- programs and libraries --- */

extern char **environ;

static void programs(void)
{
    char *arguments[] = {"program", "one", NULL};
    int status;
    pid_t child;
    fflush(stdout);
    if (!(child = fork())) {
        execv(in("program"), arguments);
        _exit(99);
    }
    waitpid(child, &status, 0);
    say("execv", "%d", WEXITSTATUS(status));
    fflush(stdout);
    int error = posix_spawn(&child, in("program"), NULL, NULL, arguments, environ);
    if (!error)
        waitpid(child, &status, 0);
    say("posix_spawn", "%d %d", error, WEXITSTATUS(status));
    say("spawn a text", "%d", posix_spawn(&child, in("file.txt"), NULL, NULL, arguments, environ));
    say("spawn nothing", "%d", posix_spawn(&child, in("missing"), NULL, NULL, arguments, environ));
    execv(in("file.txt"), arguments);
    say_result("exec a text", -1);
    say("dlopen a text", "%d", dlopen(in("file.txt"), RTLD_NOW) != NULL);
    say("dlopen nothing", "%d", dlopen(in("missing.so"), RTLD_NOW) != NULL);
}

void run(const char *tree)
{
    snprintf(root, sizeof root, "%s", tree);
    snprintf(odd, sizeof odd, "%s/odd", tree);
    streams();
    folders();
    statuses();
    names();
    changes();
    programs();
    fflush(stdout);
}
