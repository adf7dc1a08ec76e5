"""Exceptions: groups, chains, notes and what they print."""

import contextlib
import io
import logging
import sys
import traceback
import warnings


def lines_of(text):
    """Return a traceback's lines without folders and marks."""
    return [
        line.partition('File "')[0] + 'File "' + line.rpartition("/")[2] if 'File "' in line else line
        for line in text.splitlines()
        if set(line.strip()) - set("^~")
    ]


def split_groups():
    group = ExceptionGroup("outer", [ValueError(1), ExceptionGroup("inner", [KeyError("k"), ValueError(2)])])
    match, rest = group.split(ValueError)
    return repr(match), repr(rest), repr(group.subgroup(lambda e: isinstance(e, KeyError))), repr(group.derive([OSError()]))


def star_handlers():
    log = []
    try:
        try:
            raise ExceptionGroup("g", [ValueError("a"), TypeError("b"), KeyError("c")])
        except* (ValueError, TypeError) as error:
            log.append([str(each) for each in error.exceptions])
            raise RuntimeError("while handling")
    except ExceptionGroup as error:
        log.append([type(each).__name__ for each in error.exceptions])
        log.append(str(error))
    try:
        raise ValueError("naked")
    except* ValueError as error:
        log.append(repr(error))
    return log


def star_reraise():
    try:
        try:
            raise ExceptionGroup("g", [ValueError(1), KeyError(2)])
        except* ValueError:
            raise
    except BaseException as error:
        return repr(error), repr(error.__context__), repr(error.__cause__)


def group_text():
    try:
        try:
            raise KeyError("first")
        except KeyError as cause:
            raise ExceptionGroup("several", [ValueError("v"), OSError(2, "no")]) from cause
    except ExceptionGroup as error:
        error.add_note("a note\nof two lines")
        return lines_of("".join(traceback.format_exception(error)))


def chain_text():
    def low():
        return {}["k"]

    def middle():
        try:
            low()
        except KeyError:
            raise ValueError("context")

    try:
        try:
            middle()
        except ValueError as error:
            raise LookupError("cause") from error
    except LookupError:
        return lines_of(traceback.format_exc())


def from_none():
    try:
        try:
            1 / 0
        except ZeroDivisionError:
            raise ValueError("only this") from None
    except ValueError as error:
        return error.__cause__, repr(error.__context__), error.__suppress_context__, len(traceback.format_exc().splitlines())


def cause_is_class():
    try:
        raise ValueError from KeyError
    except ValueError as error:
        cause = repr(error.__cause__)
    try:
        raise ValueError from 3
    except TypeError as error:
        return cause, str(error)


def raise_nothing():
    texts = []
    try:
        raise
    except RuntimeError as error:
        texts.append(str(error))
    try:
        raise 3
    except TypeError as error:
        texts.append(str(error))
    try:
        try:
            1 / 0
        except 3:
            pass
    except TypeError as error:
        texts.append((str(error), repr(error.__context__)))
    return texts


def multi_line_statement():
    try:
        value = dict(
            a=1,
            b=[
                2,
                int("x"),
            ],
        )
    except ValueError as error:
        trace = traceback.extract_tb(error.__traceback__)[-1]
        return trace.line, error.args


def line_of_multi_line():
    base = traceback.extract_stack()[-1].lineno
    out = []

    def note(call):
        try:
            call()
        except Exception as error:
            out.append([each.lineno - base for each in traceback.extract_tb(error.__traceback__)])

    note(
        lambda: [
            1,
            2,
        ][
            5
        ]
    )

    def several():
        x = 1
        y = (
            x
            + 1
            + None
        )

    def with_call():
        return max(
            1,
            int(
                "x"
            ),
        )

    def in_if():
        if (
            1
            and None.attribute
        ):
            pass

    def in_loop():
        for i in [
            1,
            2,
        ]:
            if i == 2:
                raise KeyError

    def unpack():
        a, b = (
            1,
            2,
            3,
        )

    def decorated():
        @int
        def f():
            pass

    def in_default():
        def f(
            a=1,
            b=1 / 0,
        ):
            pass

    def in_class():
        class C:
            x = 1
            y = 1 / 0

    def in_with():
        with open(
            "/nowhere",
        ):
            pass

    def in_assert():
        assert (
            1
            == 2
        ), "text"

    def in_f_string():
        return (
            f"{1}"
            f"{1 / 0}"
        )

    def in_comprehension():
        return [
            1 / x
            for x in
            (1, 0)
        ]

    def in_finally():
        try:
            1 / 0
        finally:
            x = 1

    def in_return():
        try:
            return 1 / 0
        except KeyError:
            pass

    def in_del():
        x = {}
        del x[
            1
        ]

    def chained():
        return (
            "abc"
            .upper()
            .index("z")
            .real
        )

    for each in (
        *(several, with_call, in_if, in_loop, unpack, decorated, in_default, in_class, in_with, in_assert),
        *(in_f_string, in_comprehension, in_finally, in_return, in_del, chained),
    ):
        note(each)
    return out


def names_in_traceback():
    class C:
        def method(self):
            return (lambda: [1 / each for each in (0,)])()

        @property
        def prop(self):
            return self.method()

        @staticmethod
        def static():
            return C().prop

    try:
        C.static()
    except ZeroDivisionError as error:
        return [each.name for each in traceback.extract_tb(error.__traceback__)]


def reraised_lines():
    def f():
        try:
            1 / 0
        except ZeroDivisionError as error:
            kept = error
        raise kept

    try:
        f()
    except ZeroDivisionError as error:
        return [(each.name, each.line) for each in traceback.extract_tb(error.__traceback__)]


def with_traceback():
    try:
        1 / 0
    except ZeroDivisionError as error:
        trace = error.__traceback__
    try:
        raise ValueError("moved").with_traceback(trace)
    except ValueError as error:
        return [each.line for each in traceback.extract_tb(error.__traceback__)], error.__traceback__.tb_next is trace


def traceback_objects():
    def f():
        1 / 0

    try:
        f()
    except ZeroDivisionError as error:
        trace = error.__traceback__
        return type(trace).__name__, trace.tb_next.tb_next is None, trace.tb_next.tb_lineno - trace.tb_lineno


def traceback_with_locals():
    def f(argument):
        local = [argument]
        return local[3]

    try:
        f("value")
    except IndexError as error:
        made = traceback.TracebackException.from_exception(error, capture_locals=True)
        return [line.strip() for line in "".join(made.format()).splitlines() if "=" in line]


def print_exception():
    out = io.StringIO()
    try:
        int("x")
    except ValueError:
        traceback.print_exc(file=out, limit=1)
    return lines_of(out.getvalue())


def excepthook():
    out = io.StringIO()
    try:
        int("x")
    except ValueError as error:
        with contextlib.redirect_stderr(out):
            sys.__excepthook__(type(error), error, error.__traceback__)
    return lines_of(out.getvalue())


def stack_of_calls():
    def inner():
        return [each.name for each in traceback.extract_stack()[-3:]]

    return inner()


def warning_lines():
    def deprecated():
        warnings.warn("old", DeprecationWarning, stacklevel=2)

    def caller():
        deprecated()

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        caller()
        warnings.warn("here")
    return [(str(each.message), each.filename.rpartition("/")[2], each.lineno - seen[0].lineno) for each in seen]


def warning_once():
    def warn():
        warnings.warn("repeated", stacklevel=1)

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        globals().pop("__warningregistry__", None)
        for _ in range(3):
            warn()
    return len(seen), "__warningregistry__" in globals()


def warning_text():
    out = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stderr(out):
        warnings.simplefilter("always")
        warnings.warn("written out", UserWarning)
    return lines_of(out.getvalue())[1:], out.getvalue().partition(": ")[2]


def warning_filter_by_module():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", module=r"language\.groups$")
        warnings.warn("by module")
    return len(seen)


def deprecated_decorator():
    @warnings.deprecated("use another")
    def old():
        return 1

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        old()
    return [(str(each.message), each.category.__name__, each.filename.rpartition("/")[2]) for each in seen]


def log_record():
    records = []

    class Keep(logging.Handler):
        def emit(self, record):
            records.append(record)

    logger = logging.getLogger("questions.groups")
    logger.propagate = False
    logger.addHandler(Keep())
    logger.setLevel(1)

    def wrapper():
        logger.info("wrapped", stacklevel=2)

    class C:
        def method(self):
            logger.warning("in method", stack_info=True)

    wrapper()
    C().method()
    (lambda: logger.error("in lambda"))()
    try:
        1 / 0
    except ZeroDivisionError:
        logger.exception("failed")
    logger.handlers.clear()
    text = logging.Formatter("%(levelname)s %(module)s %(filename)s %(funcName)s %(message)s").format(records[0])
    return [(each.funcName, each.filename, each.lineno - records[0].lineno, each.module) for each in records], text, [
        line.strip() for line in records[1].stack_info.splitlines()[-2:] if "File" not in line
    ]


def keyed_errors():
    texts = []
    for call in (
        lambda: __import__("language.parts.nope"),
        lambda: __import__("language.parts", fromlist=["nope"]).nope,
        lambda: open("/nowhere"),
        lambda: "ä".encode("ascii"),
        lambda: [].x,
    ):
        try:
            call()
        except Exception as error:
            texts.append((type(error).__name__, str(error), [repr(each) for each in error.args], getattr(error, "name", "-")))
    return [each[:3] for each in texts]


def from_import_errors():
    texts = []
    try:
        from language.parts import nope
    except ImportError as error:
        texts.append((str(error).partition("(")[0], error.name, error.name_from if hasattr(error, "name_from") else 0))
    try:
        from language.nope import x
    except ImportError as error:
        texts.append((str(error), error.name))
    try:
        from . import nope
    except ImportError as error:
        texts.append((str(error).partition("(")[0], error.name))
    try:
        import json.nope
    except ImportError as error:
        texts.append((type(error).__name__, str(error), error.name))
    return texts


def exit_stack():
    log = []

    with contextlib.ExitStack() as stack:
        stack.callback(log.append, "first in")
        stack.push(lambda kind, error, trace: log.append(kind.__name__) or True)
        stack.enter_context(contextlib.suppress(KeyError))
        raise ValueError
    return log, contextlib.nullcontext(3).enter_result


def exception_attributes():
    class Odd(Exception):
        def __init__(self, *, code):
            self.code = code

    error = Odd(code=3)
    return repr(error), str(error), error.args, vars(error), OSError(2, "a", "b").filename, repr(KeyError("x", 1)), str(KeyError("x"))


def exception_subclass_new():
    return [type(each).__name__ for each in (OSError(2, "x"), OSError(13, "x"), OSError(1, "x"), OSError(110, "x"))]


def stop_iteration_value():
    class It:
        def __iter__(self):
            return self

        def __next__(self):
            raise StopIteration("value")

    try:
        next(It())
    except StopIteration as error:
        return error.value, list(It())


def finally_context():
    try:
        try:
            raise ValueError("a")
        finally:
            raise KeyError("b")
    except KeyError as error:
        return repr(error.__context__), repr(error.__context__.__context__)


def exc_info_in_nested():
    seen = []
    try:
        1 / 0
    except ZeroDivisionError:
        seen.append(sys.exc_info()[0].__name__)
        try:
            raise KeyError
        except KeyError:
            seen.append(sys.exc_info()[0].__name__)
        seen.append(sys.exception().__class__.__name__)
    seen.append(sys.exception())
    return seen


def assertion_texts():
    texts = []
    for call in (1,):
        try:
            assert call == 2
        except AssertionError as error:
            texts.append(error.args)
        try:
            assert not call, ("tuple", call)
        except AssertionError as error:
            texts.append(error.args)
    return texts


def syntax_errors():
    texts = []
    for source in ("x = = 1", "def f(:\n pass", "return 1", "f(a=1, a=2)", "'unclosed"):
        try:
            compile(source, "<made>", "exec")
        except SyntaxError as error:
            texts.append((error.msg, error.lineno, error.offset, error.text))
    return texts
