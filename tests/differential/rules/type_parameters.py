def answer() -> object:
    type Prices = list[int]
    return str(Prices)
