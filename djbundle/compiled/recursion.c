#define _GNU_SOURCE
#include "nuitka/prelude.h"

#include "recursion.h"

#include <pthread.h>

/* Bytes of the stack that compiled functions leave free for C code, which they call and which does not check the stack.
 * CPython's C code recurses up to 10,000 times, with about 800 bytes each time. On a small stack, a quarter stays free.
 */
#define STACK_RESERVE ((size_t)8 << 20)

DJBUNDLE_HIDDEN __thread uintptr_t djbundle_stack_limit = UINTPTR_MAX;
static __thread uintptr_t lowest_address; /* of the stack */

static void measure_stack(void)
{
    pthread_attr_t attributes;
    void *lowest;
    size_t size;
    djbundle_stack_limit = 0;
    if (pthread_getattr_np(pthread_self(), &attributes))
        return; /* the main thread of a system without /proc, on which no bundle runs */
    if (!pthread_attr_getstack(&attributes, &lowest, &size)) {
        lowest_address = (uintptr_t)lowest;
        djbundle_stack_limit = lowest_address + (size / 4 < STACK_RESERVE ? size / 4 : STACK_RESERVE);
    }
    pthread_attr_destroy(&attributes);
}

bool djbundle_check_recursion(PyThreadState *tstate, uintptr_t stack, bool counts)
{
    if (djbundle_stack_limit == UINTPTR_MAX)
        measure_stack();
    /* An address below this stack lies in another one: that of a signal handler or a fiber. */
    bool is_low = stack < djbundle_stack_limit && stack >= lowest_address;
    bool is_over_limit = counts && tstate->py_recursion_remaining < 0 && !tstate->recursion_headroom;
    if (!is_low && !is_over_limit)
        return false;
    tstate->recursion_headroom++; /* as CPython does while it creates this exception */
    PyErr_SetString(PyExc_RecursionError, "maximum recursion depth exceeded");
    tstate->recursion_headroom--;
    return true;
}

bool djbundle_handle_pending(PyThreadState *tstate) { return !CONSIDER_THREADING(tstate); }
