"""The language, in modules that are compiled where no rule is against it."""

__all__ = ["eager", "late"]
eager = 1


def __getattr__(name):
    if name == "late":
        return f"late of {__name__}"
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return ["eager", "late"]
