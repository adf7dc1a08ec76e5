/* The built-in module `_immortal`: it makes loaded objects immortal. They stay until the process ends, so their
 * references need no counting.
 *
 * Python writes to the reference count of an object whenever the object is used. After a fork, the kernel copies each
 * page that is written to. Python does not write to an immortal object (PEP 683), so its page stays shared.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#ifdef _Py_IMMORTAL_INITIAL_REFCNT /* since Python 3.14 */
#define IMMORTAL_COUNT _Py_IMMORTAL_INITIAL_REFCNT
#else
#define IMMORTAL_COUNT _Py_IMMORTAL_REFCNT
#endif

/* The number of objects made immortal. */
static Py_ssize_t immortal_count;

static int make_immortal(PyObject *object, void *argument);

/* Return whether the end of an object has an effect: a file is closed, or the `finally` of a generator runs. */
static int has_finalizer(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    return type->tp_finalize || type->tp_del || PyFrame_Check(object);
}

/* Return whether its type looks at the references to an object, to know whether others use it. An array of NumPy can be
 * resized only if nothing else refers to it.
 */
static int counts_references(PyObject *object)
{
    for (PyTypeObject *type = Py_TYPE(object); type; type = type->tp_base)
        if (!strcmp(type->tp_name, "numpy.ndarray"))
            return 1;
    return 0;
}

static void make_code_immortal(PyCodeObject *code)
{
    PyObject *parts[] = {code->co_consts,          code->co_names,    code->co_exceptiontable, code->co_localsplusnames,
                         code->co_localspluskinds, code->co_filename, code->co_name,           code->co_qualname,
                         code->co_linetable};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(parts); i++)
        make_immortal(parts[i], NULL);
}

/* Make an object immortal, and also the objects that only it leads to: constants, names, and the tuples and
 * dictionaries that the garbage collector does not track.
 */
static int make_immortal(PyObject *object, void *Py_UNUSED(argument))
{
    if (!object || _Py_IsImmortal(object) || has_finalizer(object) || counts_references(object))
        return 0;
    Py_SET_REFCNT(object, IMMORTAL_COUNT);
    immortal_count++;
    if (PyCode_Check(object))
        make_code_immortal((PyCodeObject *)object);
    else if (PyObject_IS_GC(object) && !PyObject_GC_IsTracked(object))
        Py_TYPE(object)->tp_traverse(object, make_immortal, NULL);
    return 0;
}

/* Make an object and the objects that it refers to immortal. It is called for each object that the collector tracks. */
static int visit_tracked(PyObject *object, void *Py_UNUSED(argument))
{
    make_immortal(object, NULL);
    Py_TYPE(object)->tp_traverse(object, make_immortal, NULL);
    return 1;
}

PyDoc_STRVAR(make_all_immortal_doc, "make_all_immortal() -> int\n\n"
                                    "Let all objects stay until the process ends, and return how many these are.\n"
                                    "Those with a finalizer stay as they are, and so do arrays of NumPy.");

static PyObject *make_all_immortal(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(arguments))
{
    immortal_count = 0;
    PyUnstable_GC_VisitObjects(visit_tracked, NULL);
    return PyLong_FromSsize_t(immortal_count);
}

static PyMethodDef methods[] = {{"make_all_immortal", make_all_immortal, METH_NOARGS, make_all_immortal_doc},
                                {NULL, NULL, 0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "_immortal", .m_size = -1,
                                        .m_methods = methods};

PyMODINIT_FUNC PyInit__immortal(void) { return PyModule_Create(&definition); }
