"""Coroutines, async generators, comprehensions and tasks."""

import asyncio
import contextlib
import contextvars
import traceback


async def numbers(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i


def comprehensions():
    async def main():
        return (
            [i async for i in numbers(3)],
            {i: [j async for j in numbers(i)] async for i in numbers(3) if i},
            {await asyncio.sleep(0, i) for i in range(2)},
            [x async for x in (y * 2 async for y in numbers(2))],
        )

    return asyncio.run(main())


def task_groups():
    async def fail(error):
        await asyncio.sleep(0)
        raise error

    async def main():
        log = []
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail(ValueError("v")))
                group.create_task(fail(KeyError("k")))
        except* ValueError as group:
            log.append(str(group))
        except* KeyError as group:
            log.append(repr(group.exceptions))
        return log

    return asyncio.run(main())


def timeouts():
    async def main():
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(10)
        except TimeoutError as error:
            return type(error.__cause__).__name__, asyncio.current_task().cancelling()

    return asyncio.run(main())


def context_variables():
    variable = contextvars.ContextVar("v", default=0)

    async def child():
        variable.set(variable.get() + 1)
        return variable.get()

    async def main():
        variable.set(5)
        results = await asyncio.gather(child(), child())
        return results, variable.get(), await asyncio.to_thread(variable.get)

    return asyncio.run(main())


def exit_stacks():
    log = []

    @contextlib.asynccontextmanager
    async def managed(name):
        log.append(f"in {name}")
        try:
            yield name
        except ValueError as error:
            log.append(f"{name} caught {error}")
        finally:
            log.append(f"out {name}")

    async def main():
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(managed("a"))
            await stack.enter_async_context(managed("b"))
            raise ValueError("x")

    asyncio.run(main())
    return log


def traceback_of_task():
    async def inner():
        raise KeyError("deep")

    async def outer():
        await inner()

    async def main():
        try:
            await asyncio.create_task(outer(), name="named")
        except KeyError as error:
            return [each.name for each in traceback.extract_tb(error.__traceback__)]

    return asyncio.run(main())


def task_names():
    async def main():
        task = asyncio.create_task(asyncio.sleep(0), name="mine")
        await task
        return task.get_name(), repr(task).partition(" coro=")[0], task.get_coro().__qualname__

    return asyncio.run(main())


def cancelled_in_finally():
    log = []

    async def work():
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)
            log.append("cleaned")

    async def main():
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel("reason")
        try:
            await task
        except asyncio.CancelledError as error:
            log.append(error.args)

    asyncio.run(main())
    return log


def queue():
    async def main():
        queue = asyncio.Queue(1)

        async def produce():
            for i in range(3):
                await queue.put(i)
            await queue.put(None)

        task = asyncio.create_task(produce())
        seen = []
        while (item := await queue.get()) is not None:
            seen.append(item)
        await task
        return seen

    return asyncio.run(main())


def subprocess_():
    async def main():
        process = await asyncio.create_subprocess_exec("sh", "-c", "cat; exit 3", stdin=-1, stdout=-1)
        out, _ = await process.communicate(b"through a pipe")
        return out.decode(), process.returncode

    return asyncio.run(main())


def stream_server():
    async def main():
        async def serve(reader, writer):
            writer.write((await reader.readline()).upper())
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello\n")
        answer = await reader.read()
        writer.close()
        server.close()
        return answer.decode()

    return asyncio.run(main())


def loop_class():
    async def main():
        loop = asyncio.get_running_loop()
        return type(loop).__module__, loop.get_debug(), type(asyncio.get_event_loop_policy()).__name__

    return asyncio.run(main())


def no_loop():
    try:
        asyncio.get_running_loop()
    except RuntimeError as error:
        return str(error)


def async_iteration_errors():
    async def main():
        texts = []
        try:
            async for _ in [1]:
                pass
        except TypeError as error:
            texts.append(str(error))
        try:
            async with 3:
                pass
        except TypeError as error:
            texts.append(str(error))
        try:
            await 3
        except TypeError as error:
            texts.append(str(error))
        return texts

    return asyncio.run(main())


def interleaved():
    log = []

    async def one(name):
        for i in range(2):
            log.append(f"{name}{i}")
            await asyncio.sleep(0)

    async def main():
        await asyncio.gather(one("a"), one("b"))

    asyncio.run(main())
    return log


def runner():
    with asyncio.Runner(debug=True) as runner:
        return runner.run(asyncio.sleep(0, "result")), runner.get_loop().get_debug()
