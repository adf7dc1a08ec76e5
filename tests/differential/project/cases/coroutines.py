import asyncio
import contextlib
import gc
import inspect
import types
import warnings


def is_coro():
    async def g():
        pass

    c = g()
    r = [
        isinstance(c, types.CoroutineType),
        inspect.iscoroutine(c),
        inspect.iscoroutinefunction(g),
        asyncio.iscoroutinefunction(g),
        type(c).__name__,
        asyncio.iscoroutine(c),
    ]
    c.close()
    return r


def is_asyncgen():
    async def g():
        yield 1

    return [isinstance(g(), types.AsyncGeneratorType), inspect.isasyncgenfunction(g), inspect.isasyncgen(g())]


def coro_repr():
    async def g():
        pass

    c = g()
    r = repr(c).split(" at ")[0]
    c.close()
    return r


def async_basic():
    async def f():
        await asyncio.sleep(0)
        return 1

    async def g():
        return [await f() for _ in range(2)], {i: await f() for i in range(2)}, [x async for x in ag()]

    async def ag():
        yield 1
        yield 2

    return asyncio.run(g())


def async_task_stack():
    async def f():
        t = asyncio.current_task()
        return t.get_coro().__name__, len(t.get_stack()) > 0

    return asyncio.run(f())


def coro_cr_frame():
    async def f():
        await asyncio.sleep(0)

    c = f()
    r = c.cr_frame is not None, c.cr_code.co_name, c.cr_running, c.cr_await is None
    c.close()
    return r


def async_cm():
    @contextlib.asynccontextmanager
    async def cm():
        yield 1

    async def f():
        async with cm() as x:
            return x

    return asyncio.run(f())


def code_flags():
    async def f():
        pass

    return bool(f.__code__.co_flags & inspect.CO_COROUTINE)


def types_coroutine():
    @types.coroutine
    def f():
        yield

    async def g():
        await f()

    c = g()
    c.send(None)
    try:
        c.send(None)
    except StopIteration:
        return "ok"


def async_gen_aclose():
    l = []

    async def ag():
        try:
            yield 1
        finally:
            l.append(1)

    async def m():
        a = ag()
        await a.__anext__()
        await a.aclose()
        return l

    return asyncio.run(m())


def async_cancel():
    async def f():
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            return "c"

    async def m():
        t = asyncio.create_task(f())
        await asyncio.sleep(0)
        t.cancel()
        return await t

    return asyncio.run(m())


def async_never_awaited():
    async def f():
        pass

    with warnings.catch_warnings(record=True) as w:
        warnings.simplefilter("always")
        f()
        gc.collect()
        return [str(x.message) for x in w]


def class_of_coro():
    async def f():
        pass

    c = f()
    r = c.__class__.__name__, c.__class__ is types.CoroutineType
    c.close()
    return r
