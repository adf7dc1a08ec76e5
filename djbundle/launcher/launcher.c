/* The first program of a bundle: static, without libc, a few dozen KB with its zstd decoder.
 *
 * It finds the archive behind itself in its own file, lays the tree out in a folder keyed by the bundle's checksum
 * (once; see unpack.c), and starts the executable in it through the loader that the tree brings along:
 *
 *     TREE/ld-linux-x86-64.so.2 --inhibit-cache --library-path TREE/_lib --argv0 ./shop TREE/_main ARGUMENTS...
 *
 * so nothing of the host's libc or libraries is used. See ld.so(8) for the options.
 */
#include "bundle.h"
#include "system.h"
#include "text.h"
#include "unpack.h"

PROCESS_START

#define SELF "/proc/self/exe"
#define LOADER "/ld-linux-x86-64.so.2"

enum { EXTRA_ARGUMENTS = 8, EXTRA_VARIABLES = 1 };

/* The host's preloads are built for the host's libc and would crash ours. */
static int is_foreign(const char *variable)
{
    return text_starts_with(variable, "LD_PRELOAD=") || text_starts_with(variable, "LD_AUDIT=")
           || text_starts_with(variable, "DJBUNDLE_EXECUTABLE=");
}

static char **with_executable(char **environment, char *executable)
{
    size_t count = 0, kept = 0;
    while (environment[count])
        count++;
    char **result = map_memory((count + EXTRA_VARIABLES + 1) * sizeof *result, -1);
    if (!result)
        fail(EXIT_START, "not enough memory", "", "give the process more memory");
    for (size_t i = 0; i < count; i++)
        if (!is_foreign(environment[i]))
            result[kept++] = environment[i];
    result[kept] = executable;
    return result;
}

static _Noreturn void start(const char *tree, int argc, char **argv, char **environment)
{
    static char loader[PATH_SIZE], libraries[PATH_SIZE], program[PATH_SIZE];
    char **arguments = map_memory(((size_t)argc + EXTRA_ARGUMENTS) * sizeof *arguments, -1);
    if (!arguments || !join(loader, tree, LOADER, "") || !join(libraries, tree, "/_lib", "")
        || !join(program, tree, "/_main", ""))
        fail(EXIT_START, "the path is too long: ", tree, "set DJBUNDLE_EXTRACT to a shorter one");
    char *head[] = {argv[0], "--inhibit-cache", "--library-path", libraries, "--argv0", argv[0], program};
    size_t count = sizeof head / sizeof *head;
    memcpy(arguments, head, sizeof head);
    for (int i = 1; i < argc; i++)
        arguments[count++] = argv[i];
    long error = execute(loader, arguments, environment);
    if (error == -EACCES)
        fail(EXIT_START, "the kernel may not run programs from ", tree,
             "it is mounted noexec: set DJBUNDLE_EXTRACT to a folder on another disk");
    fail(EXIT_START, "the kernel refuses to start ", loader, "remove its folder; the next start unpacks it again");
}

_Noreturn void launcher_main(long *stack)
{
    static char executable[PATH_SIZE] = "DJBUNDLE_EXECUTABLE=", tree[PATH_SIZE];
    static char *no_arguments[] = {"bundle", NULL};
    int argc = (int)stack[0];
    char **argv = (char **)(stack + 1), **environment = argv + argc + 1;
    size_t prefix = text_length(executable);
    struct bundle bundle = open_bundle(SELF);
    long length = read_link(SELF, executable + prefix, PATH_SIZE - prefix - 1);
    if (length < 0)
        fail(EXIT_NO_PROC, "cannot read ", SELF, "mount /proc; in a container it is there by default");
    executable[prefix + (size_t)length] = 0;
    find_or_unpack_tree(&bundle, environment, tree);
    if (argc < 1) /* execve(2) allows an empty argv */
        start(tree, 1, no_arguments, with_executable(environment, executable));
    start(tree, argc, argv, with_executable(environment, executable));
}
