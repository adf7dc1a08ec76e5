/* Deallocation of a long chain of objects without a stack overflow. CPython defers it for its types, Nuitka does not.
 *
 * Such chains are functions that hold each other in closures, generators that iterate over each other, and frames.
 */
#include "nuitka/prelude.h"

#include <stdbool.h>

enum { MAX_NESTED = 50 }; /* as in CPython's trashcan */

static __thread int nested;
static __thread struct {
    PyObject **objects;
    size_t count, size;
} deferred;

static bool defer(PyObject *object)
{
    if (deferred.count == deferred.size) {
        size_t size = deferred.size ? 2 * deferred.size : 64;
        PyObject **objects = PyMem_RawRealloc(deferred.objects, size * sizeof *objects);
        if (!objects)
            return false;
        deferred.objects = objects;
        deferred.size = size;
    }
    PyObject_GC_UnTrack(object); /* the collector must not see an object without references */
    deferred.objects[deferred.count++] = object;
    return true;
}

static void deallocate_deferred(void)
{
    nested++;
    while (deferred.count) {
        PyObject *object = deferred.objects[--deferred.count];
        PyObject_GC_Track(object); /* Nuitka's own functions expect it */
        Py_TYPE(object)->tp_dealloc(object);
    }
    nested--;
    PyMem_RawFree(deferred.objects);
    deferred.objects = NULL;
    deferred.size = 0;
}

static inline void deallocate(PyObject *object, destructor original)
{
    if (nested >= MAX_NESTED && defer(object))
        return;
    nested++;
    original(object);
    nested--;
    if (__builtin_expect(deferred.count && !nested, 0))
        deallocate_deferred();
}

#define TYPES(DO) \
    DO(Nuitka_AIterWrapper_Type) \
    DO(Nuitka_Asyncgen_Type) \
    DO(Nuitka_Cell_Type) \
    DO(Nuitka_Coroutine_Type) \
    DO(Nuitka_CoroutineWrapper_Type) \
    DO(Nuitka_Frame_Type) \
    DO(Nuitka_Function_Type) \
    DO(Nuitka_Generator_Type) \
    DO(Nuitka_Method_Type)

#define DEFINE(type) \
    extern PyTypeObject type; \
    static destructor original_of_##type; \
    static void deallocate_##type(PyObject *object) { deallocate(object, original_of_##type); }

#define REPLACE(type) \
    original_of_##type = type.tp_dealloc; \
    type.tp_dealloc = deallocate_##type;

TYPES(DEFINE)

/* Runs while the library is loaded, before Nuitka makes its types ready. */
__attribute__((constructor)) static void replace_deallocation(void) { TYPES(REPLACE) }
