/* The built-in module `_lasting`: it makes loaded objects immortal. They stay until the process ends, so their
 * references need no counting.
 *
 * Python writes to the reference count of an object whenever the object is used. After a fork, the kernel copies each
 * page that is written to. Python does not write to an immortal object (PEP 683), so its page stays shared.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* The number of objects made immortal. */
static Py_ssize_t made;

static int make_lasting(PyObject *object, void *argument);

/* Return whether the end of an object has an effect: a file is closed, or the `finally` of a generator runs. */
static int has_an_end(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    return type->tp_finalize || type->tp_del || PyFrame_Check(object);
}

static void make_code_lasting(PyCodeObject *code)
{
    PyObject *parts[] = {code->co_consts,          code->co_names,    code->co_exceptiontable, code->co_localsplusnames,
                         code->co_localspluskinds, code->co_filename, code->co_name,           code->co_qualname,
                         code->co_linetable};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(parts); i++)
        make_lasting(parts[i], NULL);
}

/* Make an object immortal, and also the objects that only it leads to: constants, names, and the tuples and
 * dictionaries that the garbage collector does not track.
 */
static int make_lasting(PyObject *object, void *Py_UNUSED(argument))
{
    if (!object || _Py_IsImmortal(object) || has_an_end(object))
        return 0;
    Py_SET_REFCNT(object, _Py_IMMORTAL_REFCNT);
    made++;
    if (PyCode_Check(object))
        make_code_lasting((PyCodeObject *)object);
    else if (PyObject_IS_GC(object) && !PyObject_GC_IsTracked(object))
        Py_TYPE(object)->tp_traverse(object, make_lasting, NULL);
    return 0;
}

/* Make an object and the objects that it refers to immortal. It is called for each object that the collector tracks. */
static int visit(PyObject *object, void *Py_UNUSED(argument))
{
    make_lasting(object, NULL);
    Py_TYPE(object)->tp_traverse(object, make_lasting, NULL);
    return 1;
}

PyDoc_STRVAR(keep_doc, "keep() -> int\n\n"
                       "Let all that is there now stay until the process ends; how many objects these are.\n"
                       "What has a finalizer goes on as before.");

static PyObject *keep(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(arguments))
{
    made = 0;
    PyUnstable_GC_VisitObjects(visit, NULL);
    return PyLong_FromSsize_t(made);
}

static PyMethodDef methods[] = {{"keep", keep, METH_NOARGS, keep_doc}, {NULL, NULL, 0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "_lasting", .m_size = -1,
                                        .m_methods = methods};

PyMODINIT_FUNC PyInit__lasting(void) { return PyModule_Create(&definition); }
