def answer() -> object:
    price = 3
    try:
        return [eval("price") for _ in range(1)] + [price]
    except NameError:
        return "NameError"
