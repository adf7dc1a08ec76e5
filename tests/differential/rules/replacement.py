import functools
import sys

from rules import status_of


class Facade:
    def __getattr__(self, name: str) -> str:
        if name.startswith("_"):
            raise AttributeError(name)
        return name


facade = Facade()
facade.answer = functools.partial(status_of, functools.partial(getattr, facade, "attribute"))
sys.modules[__name__] = facade
