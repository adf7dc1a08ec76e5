"""Rules that keep a module bytecode, because compiled code would do something else than Python.

Each rule names what Nuitka does differently, and finds it in a syntax tree. The folder `tests/differential/rules` has
the smallest module for each. A rule can go when that module, compiled, does the same as in Python.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Find = Callable[[ast.AST], bool]  # whether a node is what a rule is about


@dataclass(frozen=True, slots=True)
class Rule:
    """A difference of compiled code, and how to find code that would notice it."""

    name: str
    cause: str  # "shop/views.py:12 " + cause
    matches: Find


@dataclass(frozen=True, slots=True)
class Reason:
    """The reason why a module stays bytecode."""

    line: int
    rule: str
    cause: str


# Attributes of frames, generators, coroutines and code objects that compiled code does not have, or not in full.
FRAME_ATTRIBUTES = frozenset({"f_locals", "f_back", "f_lasti", "f_trace", "gi_frame", "cr_frame", "ag_frame"})
CODE_ATTRIBUTES = frozenset(
    {"__code__", "gi_code", "cr_code", "ag_code", "f_code", "func_code", "co_code", "co_consts", "co_names"}
)
FRAME_FUNCTIONS = frozenset({"_getframe", "_current_frames", "currentframe", "stack", "trace", "getrefcount"})
FRAME_MODULES = frozenset({"sys", "inspect"})
SCOPE_FUNCTIONS = frozenset({"eval", "exec", "locals", "vars", "dir"})
NEEDS_NAMES = frozenset({"vars", "dir"})  # these read the local names only if they get no argument
TRACERS = frozenset({"settrace", "setprofile", "settrace_all_threads", "setprofile_all_threads", "monitoring"})
FUNCTION_TYPES = frozenset({"FunctionType", "LambdaType", "CodeType", "MethodType", "GeneratorType", "CoroutineType"})
# Packages that read the bytecode, the frames or the source of the functions that use them.
BYTECODE_READERS = frozenset(
    (
        *("bytecode", "cloudpickle", "codetransformer", "dask", "dill", "dis", "executing", "icecream"),
        *("line_profiler", "loky", "memory_profiler", "numba", "pathos", "pony", "pyspark", "pysnooper", "ray"),
        *("cProfile", "profile", "snoop", "sorcery", "torch", "varname"),
    )
)


def is_coroutine(node: ast.AST) -> bool:
    return isinstance(node, ast.AsyncFunctionDef) or (isinstance(node, ast.comprehension) and bool(node.is_async))


def is_generator(node: ast.AST) -> bool:
    return isinstance(node, ast.Yield | ast.YieldFrom)


def reads_frames(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module in FRAME_MODULES and any(each.name in FRAME_FUNCTIONS for each in node.names)
    if not isinstance(node, ast.Attribute):
        return False
    return node.attr in FRAME_ATTRIBUTES or (
        node.attr in FRAME_FUNCTIONS and isinstance(node.value, ast.Name) and node.value.id in FRAME_MODULES
    )


def reads_scope(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in SCOPE_FUNCTIONS:
        return False
    return not (node.func.id in NEEDS_NAMES and (node.args or node.keywords))


def names_outer_variables(node: ast.AST) -> bool:
    """Return whether a text names variables of its caller, as ``frame.query("price > @limit")`` of pandas does."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    texts = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return node.func.attr in ("query", "eval") and any("@" in text for text in texts)


def reads_code(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in CODE_ATTRIBUTES


def makes_functions(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == "types" and any(each.name in FUNCTION_TYPES for each in node.names)
    is_type = isinstance(node, ast.Attribute) and node.attr in FUNCTION_TYPES
    return is_type and isinstance(node.value, ast.Name) and node.value.id == "types"  # type: ignore[attr-defined]


def traces(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module in ("sys", "threading") and any(each.name in TRACERS for each in node.names)
    return isinstance(node, ast.Attribute) and node.attr in TRACERS


def uses_bytecode_reader(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(each.name.partition(".")[0] in BYTECODE_READERS for each in node.names)
    return isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in BYTECODE_READERS


def annotates_in_parentheses(node: ast.AST) -> bool:
    return isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.simple


def compares_calls_in_a_chain(node: ast.AST) -> bool:
    """Return whether a chain such as ``a() < b() < c()`` has calls in its first two operands."""
    if not isinstance(node, ast.Compare) or len(node.ops) == 1:
        return False
    operands = node.left, node.comparators[0]
    return all(any(isinstance(each, ast.Call | ast.NamedExpr) for each in ast.walk(operand)) for operand in operands)


def changes_attribute_of_call(node: ast.AST) -> bool:
    """Return whether a statement such as ``cart().total += 1`` calls something to find the object."""
    if not isinstance(node, ast.AugAssign) or not isinstance(node.target, ast.Attribute):
        return False
    return any(isinstance(each, ast.Call | ast.NamedExpr | ast.Subscript) for each in ast.walk(node.target.value))


def replaces_itself(node: ast.AST) -> bool:
    """Return whether a module puts an object in its own place, as ``sys.modules[__name__] = Lazy()`` does."""
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Store)
        and getattr(node.value, "attr", getattr(node.value, "id", "")) == "modules"
        and isinstance(node.slice, ast.Name)
        and node.slice.id == "__name__"
    )


def shadows_in_class_body(node: ast.AST) -> bool:
    """Return whether a class in a function reads, in its body, a name that it and the function both set.

    Python looks such a name up in the class, then in the module, and never in the function.
    """
    if not isinstance(node, ast.FunctionDef):
        return False
    arguments = {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
    own = arguments | {name for statement in node.body for name in names_in_scope(statement, ast.Store)}
    classes = [each for each in ast.walk(node) if isinstance(each, ast.ClassDef)]
    return any(
        own & names_set & {name for statement in each.body for name in names_in_scope(statement, ast.Load)}
        for each in classes
        if (names_set := {name for statement in each.body for name in names_in_scope(statement, ast.Store)})
    )


def names_in_scope(node: ast.AST, context: type[ast.expr_context]) -> Iterator[str]:
    """Yield the names that a statement reads or sets itself, without what functions and classes in it do.

    A comprehension is a function too: only what it goes through first is found outside of it.
    """
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        yield from names_in_scope(node.generators[0].iter, context)
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, context):
        yield node.id
    for child in ast.iter_child_nodes(node):
        yield from names_in_scope(child, context)


def has_type_parameters(node: ast.AST) -> bool:
    return isinstance(node, ast.TypeAlias | ast.TypeVar | ast.ParamSpec | ast.TypeVarTuple)


RULES = (
    Rule(
        "coroutine",
        "has a coroutine: compiled, it is of another class, and no warning says that none awaits it",
        is_coroutine,
    ),
    Rule(
        "generator", "has a generator: compiled, it treats exceptions that are thrown into it differently", is_generator
    ),
    Rule("frame", "reads frames, and compiled functions have no local variables there", reads_frames),
    Rule(
        "scope",
        "reads local names by eval, exec, locals, vars or dir: in comprehensions compiled code has others",
        reads_scope,
    ),
    Rule(
        "outer-variable", "names a local variable in a text, which pandas looks for in the frame", names_outer_variables
    ),
    Rule("code", "reads or sets code objects, which are empty for compiled functions", reads_code),
    Rule("function-type", "names the types of functions, and compiled functions have others", makes_functions),
    Rule("trace", "traces or profiles calls, and compiled calls are not seen", traces),
    Rule("bytecode-reader", "uses a package that reads bytecode, frames or sources of functions", uses_bytecode_reader),
    Rule(
        "comparison",
        "compares calls in a chain, a() < b() < c(), and compiled code makes the second call first",
        compares_calls_in_a_chain,
    ),
    Rule(
        "attribute-of-call",
        "changes an attribute of what a call returns, cart().total += 1, and compiled code calls it twice",
        changes_attribute_of_call,
    ),
    Rule(
        "replacement",
        "puts an object in its own place in sys.modules, and compiled functions of it crash then",
        replaces_itself,
    ),
    Rule(
        "class-body",
        "reads in a class a name that the class and the function around it set: compiled code takes the function's",
        shadows_in_class_body,
    ),
    Rule(
        "type-parameters",
        'has a "type" statement or type parameters, which compiled code evaluates too early',
        has_type_parameters,
    ),
    Rule(
        "annotation",
        'annotates a name in parentheses, as in "(x): int", which compiled code adds to __annotations__',
        annotates_in_parentheses,
    ),
)


def reasons_of(tree: ast.Module) -> Iterator[Reason]:
    """Yield the first line that each rule finds."""
    for rule in RULES:
        lines = [line_of(node) for node in ast.walk(tree) if rule.matches(node)]
        if lines:
            yield Reason(min(lines), rule.name, rule.cause)


def line_of(node: ast.AST) -> int:
    """Return the line of a node. A comprehension has none of its own."""
    return int(getattr(node, "lineno", 0) or getattr(getattr(node, "target", None), "lineno", 1))
