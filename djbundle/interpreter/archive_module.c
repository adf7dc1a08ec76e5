/* The built-in module `_archive`: bootstrap.py imports modules from it without opening a file for each. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <marshal.h>

#include "contract.h"
#include "start/launcher_interface.h"

#define ROOT VIRTUAL_ROOT

/* From vfs.so, which the launcher preloads. */
extern const struct launcher_interface *djbundle_launcher(void) __attribute__((weak));

static const struct launcher_interface *launcher;
static const struct archive *archive;

/* Return whether this program runs from a bundle, and not from a folder. */
int has_archive(void) { return djbundle_launcher && djbundle_launcher(); }

enum { PYC_HEADER = 16 /* bytes; see importlib._bootstrap_external._code_to_hash_pyc */ };

/* In the order of importlib: an extension module comes before bytecode. The builder defines those of this Python. */
static const char *const SUFFIXES[] = {EXTENSION_SUFFIXES, ".pyc"};

static const struct entry *find_folder(const char *path)
{
    const struct entry *entry = archive->entries;
    if (strncmp(path, ROOT, sizeof ROOT - 1))
        return NULL;
    path += sizeof ROOT - 1;
    if (*path && *path != '/')
        return NULL;
    while (entry && *path) {
        size_t length = strcspn(++path, "/");
        entry = entry->kind == KIND_FOLDER ? launcher->find_child(archive, entry, path, length) : NULL;
        path += length;
    }
    return entry && entry->kind == KIND_FOLDER ? entry : NULL;
}

static const struct entry *find_file(const struct entry *folder, const char *name, const char **suffix)
{
    char file[NAME_MAX + 1];
    for (size_t i = 0; i < Py_ARRAY_LENGTH(SUFFIXES); i++) {
        int length = snprintf(file, sizeof file, "%s%s", name, SUFFIXES[i]);
        int fits = length < (int)sizeof file;
        const struct entry *entry = fits ? launcher->find_child(archive, folder, file, (size_t)length) : NULL;
        if (entry && entry->kind != KIND_FOLDER) {
            *suffix = SUFFIXES[i];
            return entry;
        }
    }
    return NULL;
}

PyDoc_STRVAR(find_doc, "find(folder, name) -> (entry, path, is_package) or None\n\n"
                       "Return the file of the module `name` in the folder of its package.\n"
                       "No module has a name that is no C string, as one with a NUL or a lone surrogate.");

static PyObject *find(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    const char *folder_path, *name, *suffix;
    if (!PyArg_ParseTuple(arguments, "ss", &folder_path, &name)) {
        if (!PyErr_ExceptionMatches(PyExc_ValueError))
            return NULL;
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    const struct entry *folder = find_folder(folder_path);
    if (!folder)
        Py_RETURN_NONE;
    const struct entry *package = launcher->find_child(archive, folder, name, strlen(name));
    if (package && package->kind == KIND_FOLDER) {
        const struct entry *start = find_file(package, "__init__", &suffix);
        if (start)
            return Py_BuildValue("nNO", (Py_ssize_t)(start - archive->entries),
                                 PyUnicode_FromFormat("%s/%s/__init__%s", folder_path, name, suffix), Py_True);
    }
    const struct entry *file = find_file(folder, name, &suffix);
    if (!file)
        Py_RETURN_NONE;
    return Py_BuildValue("nNO", (Py_ssize_t)(file - archive->entries),
                         PyUnicode_FromFormat("%s/%s%s", folder_path, name, suffix), Py_False);
}

PyDoc_STRVAR(load_doc, "load(entry) -> code\n\nReturn the code object of the .pyc file that `find` returned.");

static PyObject *load(PyObject *Py_UNUSED(module), PyObject *number)
{
    Py_ssize_t at = PyNumber_AsSsize_t(number, PyExc_OverflowError);
    if (at == -1 && PyErr_Occurred())
        return NULL;
    const struct entry *entry = &archive->entries[at];
    char *bytes = PyMem_Malloc(entry->size);
    if (!bytes)
        return PyErr_NoMemory();
    launcher->read_entry(archive, entry, bytes);
    PyObject *code = PyMarshal_ReadObjectFromString(bytes + PYC_HEADER, (Py_ssize_t)entry->size - PYC_HEADER);
    PyMem_Free(bytes);
    return code;
}

PyDoc_STRVAR(release_doc, "release()\n\nReturn the memory of unpacked blocks to the system.");

static PyObject *release(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    launcher->release_blocks(archive);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"find", find, METH_VARARGS, find_doc},
    {"load", load, METH_O, load_doc},
    {"release", release, METH_NOARGS, release_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_archive",
    .m_doc = "The archive of the bundle that runs from its own file.",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__archive(void)
{
    if (!has_archive()) {
        PyErr_SetString(PyExc_ImportError, "this program does not run from a bundle");
        return NULL;
    }
    launcher = djbundle_launcher();
    archive = launcher->archive;
    return PyModule_Create(&definition);
}
