"""The end of a forked process, which leaves by ``os._exit``: what Python itself would do then for the site's code."""

import atexit
import sys
import threading
import weakref


def disable_inherited_finalizers() -> None:
    """Keep a forked process from cleaning up, at its end, what its parent still uses.

    Temporary folders are an example. ``multiprocessing`` does the same in its own processes.
    """
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False
    for module, name in (("util", "_finalizer_registry"), ("process", "_children")):
        if loaded := sys.modules.get(f"multiprocessing.{module}"):
            getattr(loaded, name).clear()


def end_python() -> None:
    """Wait for the threads of the site, unless they are daemons, then call what it has registered with `atexit`.

    An executor ends the work that it was given, and log handlers write what they hold back.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
