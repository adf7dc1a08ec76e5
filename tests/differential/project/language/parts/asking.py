import sys


class Asking:
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return f"asked for {name}"


sys.modules[__name__] = Asking()
