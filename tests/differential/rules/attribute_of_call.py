class Cart:
    total = 0


calls = []


def cart():
    calls.append(1)
    return Cart


def answer() -> object:
    cart().total += 1
    return len(calls)
