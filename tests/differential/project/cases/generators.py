import abc
import collections
import contextlib
import inspect
import sys
import traceback
import types


def gi_frame():
    def g():
        x = 1
        yield x

    i = g()
    next(i)
    return sorted(i.gi_frame.f_locals)


def gi_frame_lineno():
    def g():
        yield 1

    i = g()
    next(i)
    return type(i.gi_frame.f_lineno).__name__


def gen_state():
    def g():
        yield 1

    i = g()
    a = inspect.getgeneratorstate(i)
    next(i)
    b = inspect.getgeneratorstate(i)
    return [a, b]


def gen_locals():
    def g():
        z = 3
        yield 1

    i = g()
    next(i)
    return dict(inspect.getgeneratorlocals(i))


def is_gen():
    def g():
        yield 1

    return [
        isinstance(g(), types.GeneratorType),
        inspect.isgenerator(g()),
        inspect.isgeneratorfunction(g),
        type(g()).__name__,
        isinstance(g(), collections.abc.Generator),
    ]


def gen_repr():
    def g():
        yield 1

    return repr(g()).split(" at ")[0]


def exc_info_nested():
    try:
        1 / 0
    except ZeroDivisionError:

        def g():
            yield sys.exc_info()[0] and sys.exc_info()[0].__name__

        return list(g()), sys.exc_info()[0].__name__


def gen_return_value():
    def g():
        r = yield 1
        return r

    i = g()
    next(i)
    try:
        i.send(9)
    except StopIteration as e:
        return e.value


def gen_throw():
    def g():
        try:
            yield 1
        except ValueError as e:
            yield str(e)

    i = g()
    next(i)
    return i.throw(ValueError("v"))


def gen_close():
    l = []

    def g():
        try:
            yield 1
        finally:
            l.append(1)

    i = g()
    next(i)
    i.close()
    return l


def gen_stopiteration():
    def g():
        yield 1
        raise StopIteration

    try:
        list(g())
    except RuntimeError as e:
        return str(e)


def yield_from():
    def a():
        r = yield 1
        return r

    def b():
        return (yield from a())

    i = b()
    next(i)
    try:
        i.send(3)
    except StopIteration as e:
        return e.value


def context_manager():
    @contextlib.contextmanager
    def cm():
        try:
            yield 1
        except ValueError:
            pass

    with cm() as x:
        raise ValueError
    return x


def generator_gi_attrs():
    def g():
        yield 1

    i = g()
    return i.gi_running, i.gi_yieldfrom, i.gi_code.co_name, i.gi_suspended


def return_in_except_gen():
    def g():
        try:
            yield 1
        except GeneratorExit:
            return

    i = g()
    next(i)
    return i.close()


def exc_in_gen_leak():
    def g():
        try:
            raise ValueError
        except ValueError:
            yield 1
        yield 2

    i = g()
    next(i)
    return repr(sys.exception())


def exc_context_gen():
    def g():
        try:
            yield
        except KeyError as e:
            raise ValueError("v")

    i = g()
    next(i)
    try:
        i.throw(KeyError("k"))
    except ValueError as e:
        return repr(e.__context__)


def contextmanager_except():
    import contextlib

    @contextlib.contextmanager
    def cm():
        try:
            yield
        except KeyError as e:
            raise ValueError("v") from e

    try:
        with cm():
            raise KeyError(1)
    except ValueError as e:
        return repr(e.__cause__), repr(e.__context__), len(traceback.extract_tb(e.__traceback__))


def throw3():
    def g():
        try:
            yield 1
        except ValueError:
            yield sys.exception() and 5

    i = g()
    next(i)
    return i.throw(ValueError)


def gen_finally_return():
    def g():
        try:
            yield 1
        finally:
            pass
        return 4

    return list(g())
