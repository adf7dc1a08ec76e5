/* The program of a bundle: an embedded Python that uses only the tree and nothing of the host.
 *
 *     ./shop serve             the bundle's own commands: _bootstrap.main()
 *     ./shop -c, -m, file.py   a plain Python for what starts sys.executable: multiprocessing, autoreload, subprocess
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "contract.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WIDE(text) L"" text
#define SELF "/proc/self/exe"

PyMODINIT_FUNC PyInit__archive(void);
PyMODINIT_FUNC PyInit__files(void);
PyMODINIT_FUNC PyInit__immortal(void);
int has_archive(void);
void enlarge_main_stack(void);

static int ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && !strcmp(text + length - end_length, end);
}

/* Return whether `path` is the file of the bundle. */
static int is_own_file(const char *path)
{
    const char *own = has_archive() ? SELF : getenv(EXECUTABLE_VARIABLE);
    struct stat status, own_status;
    return strchr(path, '/') && own && !stat(path, &status) && !stat(own, &own_status)
           && status.st_dev == own_status.st_dev && status.st_ino == own_status.st_ino;
}

/* Return whether a folder can be run, as by "python FOLDER". */
static int has_main(const char *folder)
{
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/__main__.py", folder) < (int)sizeof path && !access(path, R_OK);
}

/* Return whether an argument is the script of a command for the interpreter: "-" for the standard input, a file, or a
 * folder that can be run.
 *
 * A file is a script by its ending, by a "/" in its path, or if options come before it. Otherwise a file that has the
 * name of a command would hide that command.
 */
static int is_script(const char *argument, int has_options)
{
    struct stat status;
    if (!strcmp(argument, "-") || ends_with(argument, ".py"))
        return 1;
    if (!(has_options || strchr(argument, '/')) || stat(argument, &status))
        return 0;
    return S_ISREG(status.st_mode) || (S_ISDIR(status.st_mode) && has_main(argument));
}

/* Return whether the arguments are for the interpreter: they have -c or -m, or name a script. Otherwise they are for
 * the bundle.
 *
 * Django's autoreload calls the interpreter with the path of the bundle in place of a source file. `*own_path_position`
 * is the position of that path, or 0 without one. The bundle's own arguments begin after it.
 */
static int is_interpreter_command(int argc, char **argv, int *own_path_position)
{
    *own_path_position = 0;
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        if (argument[0] != '-' || !argument[1]) {
            if (!is_own_file(argument))
                return is_script(argument, i > 1);
            *own_path_position = i;
            return 0;
        }
        if (argument[1] == '-')
            return 0;
        if (argument[1] == 'X' || argument[1] == 'W')
            i += !argument[2]; /* its value is the next argument */
        else if (strpbrk(argument + 1, "cm"))
            return 1;
    }
    return 0;
}

static _Noreturn void exit_with_status(PyStatus status) { Py_ExitStatusException(status); }

static void set_string(PyConfig *config, wchar_t **field, const wchar_t *value)
{
    PyStatus status = PyConfig_SetString(config, field, value);
    if (PyStatus_Exception(status))
        exit_with_status(status);
}

/* Return the path of SELF: the bundle, or the loader in the tree if the tree is on disk. */
static wchar_t *read_own_path(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink(SELF, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    return Py_DecodeLocale(path, NULL);
}

/* Set all paths, so that Python searches for nothing: everything lies in one folder. */
static void set_paths(PyConfig *config)
{
    wchar_t *executable = read_own_path(), *root = WIDE(VIRTUAL_ROOT);
    if (!has_archive()) {
        root = executable;
        *wcsrchr(root, L'/') = 0;
        executable = Py_DecodeLocale(getenv(EXECUTABLE_VARIABLE), NULL); /* the launcher has set it */
        unsetenv(EXECUTABLE_VARIABLE);
    }
    set_string(config, &config->executable, executable);
    set_string(config, &config->base_executable, executable);
    set_string(config, &config->program_name, executable);
    set_string(config, &config->home, root);
    set_string(config, &config->prefix, root);
    set_string(config, &config->exec_prefix, root);
    set_string(config, &config->base_prefix, root);
    set_string(config, &config->base_exec_prefix, root);
    set_string(config, &config->stdlib_dir, root);
    config->module_search_paths_set = 1;
    PyStatus status = PyWideStringList_Append(&config->module_search_paths, root);
    if (PyStatus_Exception(status))
        exit_with_status(status);
}

static void initialize(int argc, char **argv, int is_interpreter)
{
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    config.parse_argv = is_interpreter;
    config.site_import = 0;
    config.user_site_directory = 0;
    config.write_bytecode = 0;
    PyStatus status = PyConfig_SetBytesArgv(&config, argc, argv);
    if (PyStatus_Exception(status))
        exit_with_status(status);
    set_paths(&config);
    status = Py_InitializeFromConfig(&config);
    if (PyStatus_Exception(status))
        exit_with_status(status);
    PyConfig_Clear(&config);
}

int main(int argc, char **argv)
{
    enlarge_main_stack();
    int own_path_position, is_interpreter = is_interpreter_command(argc, argv, &own_path_position);
    argv[own_path_position] = argv[0];
    PyImport_AppendInittab("_archive", PyInit__archive);
    PyImport_AppendInittab("_files", PyInit__files);
    PyImport_AppendInittab("_immortal", PyInit__immortal);
    initialize(argc - own_path_position, argv + own_path_position, is_interpreter);
    PyObject *bootstrap = PyImport_ImportModule("_bootstrap");
    PyObject *prepared =
        bootstrap && is_interpreter ? PyObject_CallMethod(bootstrap, "prepare_interpreter", NULL) : NULL;
    if (prepared)
        return Py_RunMain();
    PyObject *code = bootstrap && !is_interpreter ? PyObject_CallMethod(bootstrap, "main", NULL) : NULL;
    if (!code)
        PyErr_Print(); /* ends the process when the error is a SystemExit */
    int result = code ? (int)PyLong_AsLong(code) : 1;
    return Py_FinalizeEx() < 0 ? 120 : result;
}
