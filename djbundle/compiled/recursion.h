/* Recursion of compiled code ends in RecursionError, as in bytecode. Nuitka alone lets it overflow the stack.
 *
 * The build writes these checks into the C that Nuitka generates: see builder/native/recursion.py. A call is counted
 * where CPython counts its own calls (py_recursion_remaining). So sys.setrecursionlimit holds for compiled code, for
 * bytecode, and for recursion through both. A call is also refused when the thread's stack is nearly used up, since the
 * limit may be any number and a frame may have any size.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define DJBUNDLE_HIDDEN __attribute__((visibility("hidden")))

/* No compiled function starts below this address. UINTPTR_MAX until the thread's first call. */
extern DJBUNDLE_HIDDEN __thread uintptr_t djbundle_stack_limit __attribute__((tls_model("initial-exec")));

/* Return whether a call at the address `stack` is refused; if so, set RecursionError. The slow part of the check. */
DJBUNDLE_HIDDEN __attribute__((cold)) bool djbundle_check_recursion(PyThreadState *tstate, uintptr_t stack,
                                                                    bool counts);

/* Let other threads run, or handle signals; return whether that raised an exception. */
DJBUNDLE_HIDDEN __attribute__((cold)) bool djbundle_handle_pending(PyThreadState *tstate);

static inline bool djbundle_has_pending(PyThreadState *tstate)
{
#if PYTHON_VERSION >= 0x3d0
    /* The bit for garbage collection is left out: only bytecode collects garbage, and the bit stays set until then. */
    uintptr_t pending_bits = _PY_GIL_DROP_REQUEST_BIT | _PY_SIGNALS_PENDING_BIT | _PY_CALLS_TO_DO_BIT;
    return _Py_atomic_load_uintptr_relaxed(&tstate->eval_breaker) & pending_bits;
#else
    return _Py_atomic_load_relaxed(&tstate->interp->ceval.gil_drop_request) || tstate->async_exc;
#endif
}

/* Count one more call and return whether it is refused. Without `counts`, only a full stack is a reason to refuse it: a
 * generator must be closed at any depth.
 */
static inline bool djbundle_enter_recursive_call(PyThreadState *tstate, bool counts)
{
    char here;
    uintptr_t stack = (uintptr_t)&here;
    bool is_deep = tstate->py_recursion_remaining-- <= 0 || stack < djbundle_stack_limit;
    if (__builtin_expect(is_deep, 0) && djbundle_check_recursion(tstate, stack, counts))
        return true;
    return counts && __builtin_expect(djbundle_has_pending(tstate), 0) && djbundle_handle_pending(tstate);
}

static inline void djbundle_leave_recursive_call(PyThreadState **tstate) { (*tstate)->py_recursion_remaining++; }

/* Balances djbundle_enter_recursive_call however the C function returns. */
#define DJBUNDLE_LEAVE_ON_RETURN \
    __attribute__((cleanup(djbundle_leave_recursive_call), unused)) PyThreadState *djbundle_entered = tstate
