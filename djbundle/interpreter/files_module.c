/* The built-in module `_files`: it tells the preloaded library (djbundle/vfs) what only the runtime knows. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* From vfs.so, which may be missing if the tree is on disk. */
extern void djbundle_show_project(const char *root, const char *names, size_t size) __attribute__((weak));
extern void djbundle_list_project(void) __attribute__((weak));
extern void djbundle_make_copies_in(const char *data) __attribute__((weak));

PyDoc_STRVAR(show_project_doc,
             "show_project(root, names)\n\n"
             "Let relative paths that lead to nothing be read from the folder `root`. `names` are the\n"
             "names at its top that belong to the project, each with a 0 byte after it.");

static PyObject *show_project(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    const char *root, *names;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(arguments, "yy#", &root, &names, &size))
        return NULL;
    if (djbundle_show_project)
        djbundle_show_project(root, names, (size_t)size);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(list_project_doc,
             "list_project()\n\n"
             "Show the names of the project in lists of the folder in which this process was started.");

static PyObject *list_project(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(arguments))
{
    if (djbundle_list_project)
        djbundle_list_project();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(make_copies_in_doc, "make_copies_in(data)\n\n"
                                 "Let other programs get copies of files, which lie in the data directory `data`.");

static PyObject *make_copies_in(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    const char *data;
    if (!PyArg_ParseTuple(arguments, "y", &data))
        return NULL;
    if (djbundle_make_copies_in)
        djbundle_make_copies_in(data);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"show_project", show_project, METH_VARARGS, show_project_doc},
                                {"list_project", list_project, METH_NOARGS, list_project_doc},
                                {"make_copies_in", make_copies_in, METH_VARARGS, make_copies_in_doc},
                                {NULL, NULL, 0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "_files", .m_size = -1, .m_methods = methods};

PyMODINIT_FUNC PyInit__files(void) { return PyModule_Create(&definition); }
