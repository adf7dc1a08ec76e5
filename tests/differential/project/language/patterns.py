"""Match, walrus, unpacking, comprehensions, strings and numbers."""

import collections
import re


class Point:
    __match_args__ = ("x", "y")

    def __init__(self, x, y):
        self.x, self.y = x, y


def classify(value):
    match value:
        case Point(0, y) if y > 10:
            return "guarded", y
        case Point(x=0, y=y):
            return "on y", y
        case Point(x, y) as p:
            return "point", x, y, type(p).__name__
        case [1, *rest, 9]:
            return "sequence", rest
        case {"kind": "a" | "b" as kind, **others}:
            return "mapping", kind, others
        case int(n) | float(n):
            return "number", n
        case str() | bytes():
            return "text"
        case (None | True | False) as constant:
            return "constant", constant
        case re.IGNORECASE:
            return "dotted"
        case [[a, b], [_, c]]:
            return "nested", a, b, c
        case -1j | 2 + 3j:
            return "complex"
        case _:
            return "nothing"


def match_classes():
    return [
        classify(each)
        for each in (
            *(Point(0, 11), Point(0, 3), Point(1, 2), [1, 2, 3, 9], (1, 9), {"kind": "b", "z": 1}, {"kind": "c"}),
            *(3, 2.5, True, None, "x", b"x", [[1, 2], [3, 4]], 2 + 3j, -1j, {1, 2}, range(0), bytearray(b"")),
        )
    ]


def match_errors():
    class Few:
        __match_args__ = ("a",)
        a = 1

    class Wrong:
        __match_args__ = ["a"]

    texts = []
    try:
        match Few():
            case Few(1, 2):
                pass
    except TypeError as error:
        texts.append(str(error))
    try:
        match Wrong():
            case Wrong(1):
                pass
    except TypeError as error:
        texts.append(str(error))
    try:
        match 1:
            case int(1, 2):
                pass
    except TypeError as error:
        texts.append(str(error))
    not_class = 3
    try:
        match 1:
            case not_class():
                pass
    except TypeError as error:
        texts.append(str(error))
    return texts


def match_binds_before_guard():
    match [1, 2]:
        case [a, b] if a > b:
            pass
        case [x, *_]:
            pass
    return a, b, x


def match_mapping_get():
    log = []

    class Default(collections.defaultdict):
        def get(self, key, default=None):
            log.append(key)
            return super().get(key, default)

    value = Default(list)
    match value:
        case {"missing": _}:
            found = True
        case {}:
            found = False
    return found, log, dict(value)


def match_custom_sequence():
    class Sequence(collections.abc.Sequence):
        def __len__(self):
            return 2

        def __getitem__(self, i):
            return "ab"[i]

    match Sequence():
        case [x, y]:
            return x, y


def match_as_name():
    match = {"case": 1}
    case = match["case"]
    type = 3
    return match, case, type


def walrus():
    values = [y := 3, y**2, (y := y + 1)]
    if any((hit := n) % 7 == 0 for n in range(1, 20)):
        values.append(hit)
    while chunk := values[-1:]:
        values = values[:-1]
        if len(values) < 3:
            break
    return values, chunk, y, f"{(z := 4)!r:>3}", z, [last := each for each in "ab"], last


def unpacking():
    (a, *b), c = [1, 2, 3], 4
    [d, [e, *f]] = "x", "yz"
    *g, h = range(3)
    first, *_, last = {"k": 1, "l": 2, "m": 3}
    i, = [9]
    for j, (k, *m) in [(1, (2, 3, 4))]:
        pass
    return a, b, c, d, e, f, g, h, first, last, i, j, k, m, [*range(2), *"ab"], {**{"a": 1}, "b": 2, **{"a": 3}}, (*b, *f)


def star_index():
    class I:
        def __getitem__(self, key):
            return key

    return I()[*(1, 2)], I()[1, *"ab", 2:3], repr(I()[::2, ...]), I()[()]


def return_star():
    def f():
        return 1, *[2, 3]

    return f()


def chained_targets():
    a = b, c = [1, 2]
    x = {}
    i = 0
    i, x[i] = 1, "at"
    x[j] = j = "q" if (j := "key") else None
    return a, b, c, sorted(map(repr, x.items()))


def comprehension_scopes():
    x = "outer"
    made = [x for x in range(3)], {x: y for x, y in zip("ab", range(2))}, {x for x in "a"}

    class C:
        n = 3
        items = [i for i in range(n)]
        try:
            bad = [n for _ in range(1)]
        except NameError as error:
            bad = str(error)

    return made, x, C.items, C.bad, [[i * j for j in range(i)] for i in range(3)]


def comprehension_evaluates():
    log = []

    def note(x):
        log.append(x)
        return x

    {note(f"k{i}"): note(f"v{i}") for i in range(2) if note(f"c{i}")}
    return log


def loops_with_else():
    log = []
    for i in range(3):
        if i == 5:
            break
    else:
        log.append(("for", i))
    while i:
        i -= 1
        if i == 1:
            continue
    else:
        log.append("while")
    try:
        pass
    except ValueError:
        pass
    else:
        log.append("try")
    finally:
        log.append("finally")
    for i in []:
        pass
    return log, i


def finally_control():
    def f():
        for i in range(3):
            try:
                return i
            finally:
                if i < 2:
                    continue

    def g():
        while True:
            try:
                1 / 0
            finally:
                break
        return "swallowed"

    def h():
        try:
            return "try"
        finally:
            try:
                raise KeyError
            except KeyError:
                pass

    return f(), g(), h()


def delete_targets():
    values = [0, 1, 2, 3]
    table = {"a": 1, "b": 2}
    del values[0], values[1:], table["a"], (table["b"])
    x = y = 1
    del (x, [y])
    try:
        return x
    except UnboundLocalError as error:
        return values, table, str(error)


def augmented():
    log = []

    class L(list):
        def __getitem__(self, i):
            log.append(("get", i))
            return super().__getitem__(i)

        def __setitem__(self, i, v):
            log.append(("set", i))
            super().__setitem__(i, v)

    values = L([1, [2]])

    def index():
        log.append("index")
        return 0

    values[index()] += 5
    t = ([],)
    try:
        t[0] += [1]
    except TypeError as error:
        log.append(str(error))
    return values[0], log, t


def conditional_lambdas():
    return (lambda *, a=1, **kw: (a, kw))(b=2), (
        lambda x: x if x else "falsy"
    )(0)


def f_strings():
    width, value = 8, 3.14159
    name = "n"
    return (
        f"{value:{width}.2f}|{value!r:>{width}}|{name=}|{value + 1 = :.1f}|{{}}|{'a' 'b'}|{name!a}",
        f"{'nested ' + f'{width}'}",
        f"""{
            width
        }""",
        f"{lambda_()}",
        rf"\d{width}",
        f"{ {'k': 1}['k'] }",
        f"{'\n'.join(['a', 'b'])}",
    )


def lambda_():
    return (lambda x: x * 2)(4)


def string_methods():
    return (
        "ß".upper(),
        "İ".lower(),
        "ǆ".title(),
        "a\x1cb\u2028c".splitlines(),
        "%s %r %a %5.1f %-4d| %x %o %e %%" % ("a", "ä", "ä", 2.25, 3, 255, 8, 1234.5),
        "{0[k]} {1.real} {2!s:^5}".format({"k": 1}, 3, "x"),
        "١٢".isdigit(),
        int("١٢"),
        "x".join(map(str, range(3))),
        b"%b-%d" % (b"a", 3),
        "abc".translate({97: None, 98: "BB"}),
    )


def numbers_():
    return (
        *(-7 // 2, -7 % 3, 7 % -3, divmod(-7.5, 2), round(2.5), round(-0.5), round(1234, -2), 0.1 + 0.2),
        *(1e308 * 10 == float("inf"), float("nan") == float("nan"), 2**-1, (-8) ** (1 / 3), pow(3, -1, 7), -(2**2)),
        *(True + True, ~5, 5 & ~1, 1 << 70, -1 >> 100, int.from_bytes(b"\xff\x01"), (255).to_bytes(2), 1_000),
        *(complex("1+2j"), hash(2**61 - 1), hash(float("inf")), hash(-1)),
    )


def big_recursion_of_data():
    value = []
    for _ in range(100000):
        value = [value]
    try:
        repr(value)
    except RecursionError as error:
        text = str(error)
    while value:
        value = value[0]
    return text


def dict_order_and_views():
    d = {"b": 1, "a": 2}
    d["c"] = d.pop("b")
    keys = d.keys()
    d["z"] = 0
    return list(d), list(keys), list(reversed(d)), keys & {"a", "q"}, d | {"a": 9}, next(iter(d.items()))


def mutation_while_iterating():
    texts = []
    for container, change in (({1: 1}, lambda c: c.update({2: 2})), ({1}, lambda c: c.add(2))):
        try:
            for _ in container:
                change(container)
        except RuntimeError as error:
            texts.append(str(error))
    values = [1, 2, 3, 4]
    for each in values:
        values.remove(each)
    return texts, values


def global_and_del():
    global temporary
    temporary = 1
    first = temporary
    del temporary
    try:
        return temporary
    except NameError as error:
        return first, str(error)


def import_forms():
    import os.path as p
    from collections import OrderedDict as O, abc
    import xml.dom.minidom

    return p.__name__, O.__name__, abc.__name__, xml.__name__, xml.dom.minidom.__name__


def identities():
    a, b = 256, 256
    return a is b, () is (), "" is "", None is None, (1, 2) == (1, 2), "a" "b" is "ab", [] is [], id(a) == id(b)


def slices():
    values = list(range(6))
    values[1:3] = "xyz"
    values[::2] = [0] * len(values[::2])
    try:
        values[::2] = [1]
    except ValueError as error:
        text = str(error)
    return values, text, slice(1, None, 2).indices(5), "abcdef"[::-2], hash(slice(1, 2)) is not None
