name = "module"


def answer() -> object:
    name = "function"

    class Inner:
        read = name
        name = "class"

    return Inner.read, name
