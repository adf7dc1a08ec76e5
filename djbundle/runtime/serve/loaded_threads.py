"""Tell of threads that the site has started while it was loaded: the processes that are forked from here have none.

Only the forking thread lives on in a forked process. So a consumer behind a queue, a scheduler, or an executor that was
used once would be silent there: what is given to it waits for ever.
"""

import threading

from djbundle.runtime.logs.lines import log


def report_threads() -> None:
    """Log a warning if there are threads beside this one. Call it before a fork."""
    current = threading.current_thread()
    texts = [describe(each) for each in threading.enumerate() if each is not current]
    if texts:
        count = f"{len(texts)} threads" if len(texts) > 1 else "a thread"
        log(
            f"the site has started {count} while it was loaded: {', '.join(texts)}. The processes that answer requests "
            "and run tasks do not have them: start them at their first use there",
            "warning",
        )


def describe(thread: threading.Thread) -> str:
    """Return the name of a thread, and the place of the function that it runs."""
    target = getattr(thread, "_target", None) or type(thread).run
    code = getattr(target, "__code__", None)
    return f"{thread.name} ({code.co_filename}:{code.co_firstlineno})" if code else thread.name
