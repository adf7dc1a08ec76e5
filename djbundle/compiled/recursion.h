/* Recursion of compiled code ends in RecursionError, as it does in bytecode. Nuitka alone lets it overrun the stack.
 *
 * The build writes these checks into the C that Nuitka generates: see builder/recursion.py. A call is counted where
 * CPython counts its own calls (py_recursion_remaining). So sys.setrecursionlimit holds for compiled code, for
 * bytecode, and for recursion through both. A call is also refused when the thread's stack is nearly used up: the limit
 * may be any number, and a frame of any size.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define DJBUNDLE_HIDDEN __attribute__((visibility("hidden")))

/* No compiled function starts below this address. UINTPTR_MAX until the thread's first call. */
extern DJBUNDLE_HIDDEN __thread uintptr_t djbundle_stack_floor __attribute__((tls_model("initial-exec")));

/* Return whether a call at the address `stack` is refused; then RecursionError is set. The slow part of the check. */
DJBUNDLE_HIDDEN __attribute__((cold)) bool djbundle_refuse(PyThreadState *tstate, uintptr_t stack, bool counts);

/* Count one call more, and return whether it is refused. Without `counts`, only the stack is a reason: a generator is
 * closed at any depth.
 */
static inline bool djbundle_enter(PyThreadState *tstate, bool counts)
{
    char here;
    uintptr_t stack = (uintptr_t)&here;
    bool is_deep = tstate->py_recursion_remaining-- <= 0 || stack < djbundle_stack_floor;
    return __builtin_expect(is_deep, 0) && djbundle_refuse(tstate, stack, counts);
}

static inline void djbundle_leave(PyThreadState **tstate) { (*tstate)->py_recursion_remaining++; }

/* Balances djbundle_enter however the C function returns. */
#define DJBUNDLE_LEAVES __attribute__((cleanup(djbundle_leave), unused)) PyThreadState *djbundle_left = tstate
