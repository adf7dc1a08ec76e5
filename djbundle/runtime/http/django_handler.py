"""Changes to Django's ASGIHandler, so that one client cannot make it keep much in memory."""

import tempfile
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.handlers import asgi

from djbundle.runtime.http.limits.bodies import MAX_BODY_IN_MEMORY


def bound_memory() -> None:
    """Make all the changes in this process."""
    spool_bodies()
    keep_responses_whole()
    free_responses_at_once()


def spool_bodies() -> None:
    """Have Django keep request bodies in files from the same size on as a WSGI site does.

    By default it keeps up to FILE_UPLOAD_MAX_MEMORY_SIZE of each in memory, which is meant for one file of one upload.
    """

    class SmallerFiles:
        @staticmethod
        def SpooledTemporaryFile(max_size: int, mode: str) -> Any:  # noqa: N802 - the name in tempfile
            return tempfile.SpooledTemporaryFile(min(max_size, MAX_BODY_IN_MEMORY), mode)

    module: Any = asgi
    module.tempfile = SmallerFiles


def keep_responses_whole() -> None:
    """Have Django send a page in one message, however large.

    Otherwise Django keeps all of it until the last part is taken, and does not report its size. Here it is cut into
    parts instead.
    """
    handler: Any = asgi.ASGIHandler
    handler.chunk_bytes = staticmethod(lambda data: [(data, True)])


def free_responses_at_once() -> None:
    """Free each response as soon as it is sent, or its client has left.

    Django ends each request with an exception. The exception's traceback keeps all frames, with the response in them,
    until the garbage collector finds them. Of many large pages at the same time, most would stay for minutes.
    """
    handler: Any = asgi.ASGIHandler
    for name in ("handle", "send_response"):
        setattr(handler, name, clear_frame(getattr(handler, name)))


def clear_frame(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, changed so that its local variables are freed when it ends, even by an exception."""

    @wraps(function)
    async def call(*arguments: Any) -> None:
        coroutine = function(*arguments)
        frame = coroutine.cr_frame
        del arguments
        try:
            await coroutine
        finally:
            frame.clear()
            del frame  # the two frames would keep each other

    return call
