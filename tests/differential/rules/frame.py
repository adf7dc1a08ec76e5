import sys


def answer() -> object:
    price = 3
    return sys._getframe().f_locals.get("price", price + 1)
