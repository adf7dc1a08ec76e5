import inspect
import types


def is_function():
    def f():
        pass

    return [
        isinstance(f, types.FunctionType),
        inspect.isfunction(f),
        type(f) is types.FunctionType,
        callable(f),
        type(f).__name__,
    ]


def is_lambda():
    return isinstance(lambda: 1, types.LambdaType)


def is_method():
    class C:
        def m(self):
            pass

    return [isinstance(C().m, types.MethodType), inspect.ismethod(C().m), type(C().m).__name__, inspect.isfunction(C.m)]


def func_get():
    def f(self):
        return self

    return f.__get__(5, int)(), types.MethodType(f, 6)()


def func_class():
    return func_class.__class__ is types.FunctionType
