import types


def function() -> None:
    pass


def answer() -> object:
    return type(function) is types.FunctionType
