"""A module that Nuitka cannot compile: it works out these errors, and fails with them."""


def number_errors():
    texts = []
    for call in (
        lambda: 1 << -1,
        lambda: 2.0**10000,
        lambda: int("1" * 5000),
        lambda: [1] * (2**63),
        lambda: "a" * -1,
        lambda: 1 % 0.0,
        lambda: divmod(1, 0),
        lambda: 0**-1,
        lambda: float("x"),
        lambda: int(float("nan")),
        lambda: round(1.5, 2.5),
        lambda: chr(-1),
        lambda: "a" + 1,
        lambda: [] + (),
        lambda: 1 @ 2,
        lambda: not_defined_anywhere,
        lambda: {} | [],
        lambda: {[]: 1},
        lambda: {[]},
        lambda: (1).x,
        lambda: "abc".index("z"),
        lambda: [].pop(),
        lambda: {}.popitem(),
        lambda: [1].remove(2),
        lambda: iter(3),
        lambda: next(3),
        lambda: b"a" + "b",
        lambda: "".join([1]),
        lambda: sum(["a"]),
        lambda: max([]),
        lambda: [1][1.0],
        lambda: (1, 2)[5],
        lambda: "a"[5],
        lambda: [1, 2][::0],
        lambda: None(),
        lambda: None + 1,
        lambda: None < 1,
        lambda: isinstance(1, 1),
        lambda: open("/nowhere/at/all"),
        lambda: bytes([300]),
        lambda: "ä".encode("ascii"),
        lambda: b"\xff".decode(),
    ):
        try:
            texts.append(repr(call()))
        except Exception as error:
            texts.append(f"{type(error).__name__}: {error}")
    return texts
