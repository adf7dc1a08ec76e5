"""Long chains of objects: what walks along one, or lets go of it, may be refused, but does not end the process."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

LENGTH = 100_000
CHAINS: dict[str, Callable[[], Any]] = {}


def chain(function: Callable[[], Any]) -> Callable[[], Any]:
    CHAINS[function.__name__] = function
    return function


def wrap(inner: Iterator[int]) -> Iterator[int]:
    yield from inner


def wrap_loop(inner: Iterator[int]) -> Iterator[int]:
    for value in inner:
        yield value


def numbers() -> Iterator[int]:
    yield from range(10 * LENGTH)


def started(wrapper: Callable[[Iterator[int]], Iterator[int]]) -> Iterator[int]:
    """A chain in which each generator is suspended while it waits for the next."""
    last = numbers()
    for _ in range(LENGTH):
        last = wrapper(itertools.chain([1], last))
        next(last)
    return last


@chain
def generators() -> Any:
    return next(started(wrap))


@chain
def generators_in_loops() -> Any:
    return next(started(wrap_loop))


@chain
def generators_not_started() -> Any:
    last = numbers()
    for _ in range(LENGTH):
        last = wrap(last)
    return next(last)


@chain
def generators_dropped() -> None:
    """Nothing asks them for a value."""
    last = numbers()
    for _ in range(LENGTH):
        last = wrap_loop(last)


@chain
def generators_started_dropped() -> None:
    started(wrap_loop)


@chain
def generators_closed() -> None:
    started(wrap).close()  # type: ignore[attr-defined]


@chain
def generators_thrown_into() -> None:
    with contextlib.suppress(KeyError):
        started(wrap).throw(KeyError())  # type: ignore[attr-defined]


@chain
def functions_dropped() -> None:
    last: Any = int
    for _ in range(LENGTH):
        last = (lambda inner: lambda: inner())(last)


@chain
def functions() -> Any:
    last: Any = int
    for _ in range(LENGTH):
        last = (lambda inner: lambda: inner())(last)
    return last()


class Node:
    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.method = self.depth if inner is None else inner.depth

    def depth(self) -> int:
        return 1 + self.inner.depth()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self.inner == other.inner

    def __hash__(self) -> int:
        return hash((self.inner,))

    def __repr__(self) -> str:
        return f"Node({self.inner!r})"

    def __iter__(self) -> Iterator[Any]:
        yield self
        yield from self.inner


def nodes() -> Node:
    last: Any = None
    for _ in range(LENGTH):
        last = Node(last)
    return last  # type: ignore[no-any-return]


CHAINS |= {
    "nodes_dropped": lambda: nodes() and None,
    "nodes": lambda: nodes().depth(),
    "nodes_compared": lambda: nodes() == nodes(),
    "nodes_hashed": lambda: hash(nodes()),
    "nodes_shown": lambda: repr(nodes()),
    "nodes_listed": lambda: list(nodes()),
}


class Ending:
    """Its end makes another one end."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __del__(self) -> None:
        if self.left:
            Ending(self.left - 1)


@chain
def finalizers() -> None:
    Ending(LENGTH // 100)


async def await_inner(inner: Any) -> Any:
    return await inner


async def leaf() -> int:
    await asyncio.sleep(0)
    return 1


def coroutine_chain() -> Any:
    last: Any = leaf()
    for _ in range(LENGTH):
        last = await_inner(last)
    return last


@chain
def coroutines_awaited() -> Any:
    return asyncio.run(coroutine_chain())


@chain
def tasks() -> Any:
    async def start() -> Any:
        last: Any = asyncio.ensure_future(leaf())
        for _ in range(LENGTH // 10):
            last = asyncio.ensure_future(await_inner(last))
        return await last

    return asyncio.run(start())


@chain
def coroutines_started() -> Any:
    async def start() -> Any:
        last: Any = leaf()
        for _ in range(LENGTH // 100):
            last = await_inner(last)
            with contextlib.suppress(BaseException):
                last.send(None)
        return await last

    return asyncio.run(start())


async def wrap_async(inner: AsyncIterator[int]) -> AsyncIterator[int]:
    async for value in inner:
        yield value


async def numbers_async() -> AsyncIterator[int]:
    for value in range(10 * LENGTH):
        yield value


@chain
def async_generators() -> Any:
    async def start() -> Any:
        last = numbers_async()
        for _ in range(LENGTH // 100):
            last = wrap_async(last)
            with contextlib.suppress(RecursionError):
                await anext(last)
        return await anext(last)

    return asyncio.run(start())


@chain
def exceptions() -> Any:
    last: Any = None
    for _ in range(LENGTH):
        try:
            raise ValueError from last
        except ValueError as error:
            last = error


@chain
def frames() -> Any:
    """Each frame of a failed call, kept with its locals."""

    def fail(left: int, inner: Any) -> Any:
        if not left:
            raise ValueError
        return fail(left - 1, [inner])

    try:
        fail(900, None)
    except ValueError as error:
        return error.__traceback__ and None
