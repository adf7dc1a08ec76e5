"""Questions about functions and classes, for inspect, doctest, pydoc, pickle and copy."""

import copy
import copyreg
import doctest
import inspect
import io
import os
import pickle
import pydoc
import types

from language import closures, typed
from language.parts import doctested


class Outer:
    """Outer's doc.

    Indented:
        more.
    """

    attribute = 1

    class Inner:
        def __init__(self, x=1):
            self.x = x

        def __eq__(self, other):
            return type(other) is type(self) and other.x == self.x

        class Innermost:
            pass

    def method(self, a, /, b: int = 2, *c, d=None, **e) -> "Outer":
        """Method's doc."""

    @classmethod
    def of_class(cls, x): ...

    @staticmethod
    def static(x=(1, 2)): ...

    @property
    def prop(self): ...


def undocumented(a, b=object): ...


def signatures():
    return [
        str(inspect.signature(each))
        for each in (Outer.method, Outer().method, Outer.of_class, Outer.static, Outer.Inner, undocumented, typed.Slotted)
    ]


def parameters():
    return [
        (each.name, str(each.kind), each.default is each.empty)
        for each in inspect.signature(Outer.method).parameters.values()
    ]


def bound_arguments():
    bound = inspect.signature(undocumented).bind(1)
    bound.apply_defaults()
    try:
        inspect.signature(undocumented).bind()
    except TypeError as error:
        return repr(bound), str(error)


def signature_override():
    def f(x): ...

    f.__signature__ = inspect.Signature([inspect.Parameter("y", inspect.Parameter.KEYWORD_ONLY)])
    return str(inspect.signature(f))


def signature_of_class_forms():
    class Meta(type):
        def __call__(cls, meta): ...

    class New:
        def __new__(cls, new): ...

    class M(metaclass=Meta):
        def __init__(self, init): ...

    class Text:
        __text_signature__ = "(text)"

    return [str(inspect.signature(each)) for each in (New, M, type("E", (New,), {}))]


def modules_of():
    return [
        (getattr(inspect.getmodule(each), "__name__", None), os.path.basename(inspect.getsourcefile(each) or ""))
        for each in (signatures, Outer, Outer.Inner, Outer().method, closures, lambda: 1)
    ]


def module_names():
    return inspect.getmodulename(__file__), inspect.getmodule(None, __file__).__name__ if inspect.getmodule(None, __file__) else None


def source_lines():
    lines, first = inspect.getsourcelines(Outer.Inner)
    return lines[0], first, inspect.getsource(Outer.static), inspect.getcomments(signatures)


def docs():
    return inspect.getdoc(Outer), inspect.getdoc(Outer.method), inspect.cleandoc(Outer.__doc__), inspect.getdoc(undocumented)


def doc_inherited():
    class Sub(Outer):
        def method(self): ...

    return inspect.getdoc(Sub.method), inspect.getdoc(Sub), Sub.__doc__


def predicates():
    checks = (
        *("isfunction", "ismethod", "isclass", "isroutine", "isbuiltin", "isdatadescriptor", "ismethoddescriptor"),
        *("isabstract", "iscode", "isgeneratorfunction", "iscoroutinefunction"),
    )
    things = (signatures, Outer.method, Outer().method, Outer, Outer.__dict__["prop"], Outer.__dict__["static"], len)
    return [[name for name in checks if getattr(inspect, name)(each)] for each in things]


def members():
    names = [name for name, _ in inspect.getmembers(Outer, inspect.isfunction)]
    static = inspect.getattr_static(Outer, "static").__class__.__name__
    return names, static, [each.kind for each in inspect.classify_class_attrs(Outer) if not each.name.startswith("_")]


def members_of_module():
    import sys

    return [name for name, _ in inspect.getmembers(sys.modules[__name__], inspect.isclass)]


def class_tree():
    class A: ...

    class B(A): ...

    return repr(inspect.getclasstree([A, B])).count("tuple"), [each.__name__ for each in inspect.getmro(B)]


def annotations_():
    return {key: str(value) for key, value in inspect.get_annotations(Outer.method).items()}, inspect.get_annotations(Outer)


def full_arg_spec():
    return str(inspect.getfullargspec(Outer.method)), str(inspect.getfullargspec(undocumented))


def names_of_everything():
    return [
        (each.__name__, each.__qualname__, each.__module__)
        for each in (
            *(Outer, Outer.Inner, Outer.Inner.Innermost, Outer.method, Outer.static, Outer.of_class, signatures),
            *((lambda: 1), Outer().method, Outer.prop.fget, type("T", (), {}), types.SimpleNamespace),
        )
    ]


def reprs():
    return [repr(each).partition(" at ")[0] for each in (Outer, Outer.method, Outer().method, signatures, Outer.static, Outer())]


def doctests():
    out = io.StringIO()
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(verbose=False)
    for each in finder.find(doctested):
        runner.run(each, out=out.write)
    return str(runner.summarize(verbose=False)), [line for line in out.getvalue().splitlines() if "File" not in line]


def doctest_lines():
    return [(each.name, each.lineno, len(each.examples)) for each in doctest.DocTestFinder().find(doctested)]


def pydoc_text():
    text = pydoc.plain(pydoc.render_doc(doctested))
    return [line for line in text.splitlines() if "/" not in line][:30]


def pydoc_of_class():
    return pydoc.plain(pydoc.render_doc(Outer, renderer=pydoc.plaintext)).splitlines()[:40]


def pydoc_locate():
    return pydoc.locate("language.introspection.Outer.Inner") is Outer.Inner, pydoc.splitdoc("a\n\nb")


def pickled_nested():
    return [
        pickle.loads(pickle.dumps(each, protocol)) == each for each in (Outer.Inner(3), Outer.Inner) for protocol in range(6)
    ]


def pickled_functions():
    return [
        pickle.loads(pickle.dumps(each)) is each or pickle.loads(pickle.dumps(each)) == each
        for each in (signatures, Outer.method, Outer.static, Outer.of_class, len, typed.Color.RED, typed.Point(1))
    ]


def pickle_errors():
    class Local: ...

    texts = []
    for each in (lambda: 1, Local, Local(), iter([1]), open(os.devnull), inspect, (n for n in [])):
        try:
            pickle.dumps(each)
            texts.append("pickled")
        except Exception as error:
            texts.append(f"{type(error).__name__}: {error}")
    return texts


def pickle_text():
    return pickle.dumps(Outer.Inner(1), 0).decode(), pickle.dumps(signatures, 4).hex()


def pickle_hooks():
    return pickle.loads(pickle.dumps(Hooked(1))).state, copy.copy(Hooked(2)).state, copy.deepcopy(Hooked(3)).state


class Hooked:
    def __init__(self, x):
        self.state = [x]

    def __getstate__(self):
        return {"state": [*self.state, "get"]}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.state.append("set")


class Reduced(tuple):
    def __reduce_ex__(self, protocol):
        return Reduced, ((*self, protocol),)


def reduce_():
    return pickle.loads(pickle.dumps(Reduced((1,)), 2)), copy.copy(Reduced((1,)))


def copyreg_():
    class Odd: ...

    copyreg.pickle(Odd, lambda odd: (str, ("reduced",)))
    return copy.copy(Odd()), pickle.loads(pickle.dumps(Odd()))


def copied_functions():
    def f(a=[1]):
        return a

    return copy.copy(f) is f, copy.deepcopy(f) is f, copy.deepcopy([f, Outer.method])[1] is Outer.method


def copied_method():
    outer = Outer()
    outer.bound = outer.method
    copied = copy.deepcopy(outer)
    return copied.bound.__self__ is copied, copied.bound == copied.method


def deepcopy_memo():
    a = [1]
    both = copy.deepcopy({"x": a, "y": a})
    return both["x"] is both["y"], both["x"] is a


def method_type_by_hand():
    bound = type(Outer().method)(undocumented, 3)
    return bound.__self__, bound.__func__ is undocumented


def dynamic_class_attribute():
    return sorted(set(vars(Outer)) - {"__firstlineno__", "__static_attributes__"}), Outer.__firstlineno__, Outer.__static_attributes__


def static_attributes():
    class S:
        def __init__(self):
            self.a = self.b = 1
            other = self
            other.c = 3

        def f(self):
            self.d, (self.e, *self.f) = 1, (2, 3)
            del self.g

    return sorted(S.__static_attributes__)


def code_of_functions():
    import types as t

    return isinstance(signatures, t.__dict__["FunctionType"]), callable(signatures), signatures.__class__.__name__
