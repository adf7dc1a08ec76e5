import sys


class Table:
    """A data frame of pandas, as far as its query looks for the variables of its caller."""

    def query(self, text: str) -> object:
        return getattr(sys._getframe(1), "f_locals", {}).get(text.partition("@")[2])


def answer() -> object:
    limit = 3
    table = Table()
    return (table.query("price > @limit"), limit)
