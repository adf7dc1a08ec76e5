import abc
import sys
import traceback


def arg_errors():
    def f(a, b, *, c):
        pass

    out = []
    for args, kw in [
        ((), {}),
        ((1,), {}),
        ((1, 2), {}),
        ((1, 2, 3), {"c": 1}),
        ((1, 2), {"c": 1, "d": 2}),
        ((1, 2), {"a": 1, "c": 1}),
    ]:
        try:
            f(*args, **kw)
        except TypeError as e:
            out.append(str(e))
    return out


def method_arg_errors():
    class C:
        def m(self, a):
            pass

    out = []
    for args in [(), (1, 2)]:
        try:
            C().m(*args)
        except TypeError as e:
            out.append(str(e))
    return out


def attr_error_msgs():
    out = []

    class C:
        pass

    for f in (
        lambda: C().foo,
        lambda: None.foo,
        lambda: [].appnd,
        lambda: undefined_name,
        lambda: 1 + "a",
        lambda: "a" + 1,
        lambda: {}["k"],
        lambda: [][1],
        lambda: (1)(),
        lambda: len(1),
        lambda: 1 < "a",
        lambda: -"a",
        lambda: [1, 2]["a"],
        lambda: None[0],
        lambda: int("x"),
        lambda: 1 // 0,
        lambda: 1 % 0,
        lambda: 1 / 0,
        lambda: "%d" % "a",
        lambda: f"{1:s}",
        lambda: next(iter([])),
        lambda: range(1.5),
        lambda: sorted([1, "a"]),
        lambda: 2**-1.0j > 1,
        lambda: __import__("nope.nope2"),
    ):
        try:
            out.append(repr(f()))
        except BaseException as e:
            out.append(type(e).__name__ + ": " + str(e))
    return out


def unpack_errors():
    out = []
    for s in ([1], [1, 2, 3], 1, None):
        try:
            a, b = s
        except Exception as e:
            out.append(str(e))
        try:
            a, b, *c = s
        except Exception as e:
            out.append(str(e))
    return out


def unbound():
    out = []

    def f():
        if False:
            x = 1
        return x

    def g():
        del_me = 1
        del del_me
        return del_me

    def h():
        def i():
            return y

        r = i()
        y = 1
        return r

    for z in (f, g, h):
        try:
            z()
        except Exception as e:
            out.append(type(e).__name__ + ": " + str(e))
    return out


def tb_positions():
    def f():
        return {}["a"] + 1

    try:
        f()
    except KeyError as e:
        s = traceback.extract_tb(e.__traceback__)[-1]
        return s.colno, s.end_colno


def tb_exception_notes():
    try:
        try:
            1 / 0
        except Exception as e:
            e.add_note("n")
            raise KeyError(1) from e
    except Exception as e:
        return type(e.__cause__).__name__, e.__cause__.__notes__, e.__suppress_context__


def exception_var_deleted():
    try:
        1 / 0
    except ZeroDivisionError as e:
        pass
    try:
        return e
    except Exception as x:
        return str(x)


def finally_return():
    def f():
        try:
            return 1
        finally:
            return 2

    return f()


def except_star():
    out = []
    try:
        raise ExceptionGroup("g", [ValueError(1), TypeError(2)])
    except* ValueError as e:
        out.append(len(e.exceptions))
    except* TypeError as e:
        out.append(str(e))
    return out


def refs_freed_on_exception():
    l = []

    class A:
        def __del__(s):
            l.append(1)

    def f():
        a = A()
        raise ValueError

    try:
        f()
    except ValueError:
        pass
    return len(l)


def assert_():
    try:
        assert 1 == 2, "m"
    except AssertionError as e:
        return str(e)


def recursion():
    def f():
        return f()

    try:
        f()
    except RecursionError as e:
        return str(e)


def trace_format_exc():
    try:
        1 / 0
    except Exception:
        return traceback.format_exc().splitlines()[-1], "1/0" in traceback.format_exc()


def stack_summary():
    return traceback.extract_stack()[-1].name


def sys_exc_clear():
    try:
        raise KeyError
    except KeyError:
        pass
    return sys.exc_info()


def module_getattr():
    try:
        return sys.modules[__name__].nope
    except AttributeError as e:
        return str(e)


def name_error_suggestion():
    try:
        pickle_clas
    except NameError as e:
        return str(e), e.name


def attr_error_name():
    try:
        sys.nope
    except AttributeError as e:
        return e.name, e.obj is sys


def import_error_name():
    try:
        import nopkg.sub
    except ImportError as e:
        return e.name, e.path


def caret():
    try:
        {}["a"]["b"]
    except KeyError:
        return traceback.format_exc()


def suggestion():
    class A:
        foo = 1

    try:
        A().fooo
    except AttributeError as e:
        return traceback.format_exception_only(e)


def suggestion2():
    lenght = 1
    try:
        lenghth
    except NameError as e:
        return traceback.format_exception_only(e)


def kw_sugg():
    def f(abc):
        pass

    try:
        f(abd=1)
    except TypeError as e:
        return str(e)
