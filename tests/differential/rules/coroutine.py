import types


async def coroutine() -> None:
    pass


def answer() -> object:
    made = coroutine()
    made.close()
    return type(made) is types.CoroutineType
