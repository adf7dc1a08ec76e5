#define _GNU_SOURCE
#include "nuitka/prelude.h"

#include "recursion.h"

#include <pthread.h>

/* Bytes of the stack that compiled functions leave free for C code, which they call and which does not check the stack.
 * CPython's C code recurses up to 10,000 times, with about 800 bytes each time. On a small stack, a quarter stays free.
 */
#define RESERVE ((size_t)8 << 20)

DJBUNDLE_HIDDEN __thread uintptr_t djbundle_stack_floor = UINTPTR_MAX;
static __thread uintptr_t stack_end; /* its lowest address */

static void measure_stack(void)
{
    pthread_attr_t attributes;
    void *end;
    size_t size;
    djbundle_stack_floor = 0;
    if (pthread_getattr_np(pthread_self(), &attributes))
        return; /* the main thread of a system without /proc, on which no bundle runs */
    if (!pthread_attr_getstack(&attributes, &end, &size)) {
        stack_end = (uintptr_t)end;
        djbundle_stack_floor = stack_end + (size / 4 < RESERVE ? size / 4 : RESERVE);
    }
    pthread_attr_destroy(&attributes);
}

bool djbundle_refuse(PyThreadState *tstate, uintptr_t stack, bool counts)
{
    if (djbundle_stack_floor == UINTPTR_MAX)
        measure_stack();
    /* An address below this stack belongs to another stack: that of a signal handler or a fiber. */
    bool is_low = stack < djbundle_stack_floor && stack >= stack_end;
    bool is_over_limit = counts && tstate->py_recursion_remaining < 0 && !tstate->recursion_headroom;
    if (!is_low && !is_over_limit)
        return false;
    tstate->recursion_headroom++; /* as CPython does while it creates this exception */
    PyErr_SetString(PyExc_RecursionError, "maximum recursion depth exceeded");
    tstate->recursion_headroom--;
    return true;
}

bool djbundle_pause(PyThreadState *tstate) { return !CONSIDER_THREADING(tstate); }
