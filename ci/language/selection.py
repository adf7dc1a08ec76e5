"""The selection of CPython's own tests: those of the language, its built-in types, and modules that read code.

Left out are tests of the interpreter as a program (its options, its C API, its build), of tools for developers (IDLE,
pdb, the regression tests' own program), and of libraries that the language does not need (networks, formats, files).
"""

import sys
import sysconfig
from pathlib import Path

FOLDER = Path(sys.base_prefix) / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "test"
SYNTAX = """
    asyncgen augassign binop call class compare compile coroutines decorators dictcomps eof except_star exception_group
    exception_hierarchy exception_variations exceptions extcall flufl fstring future_stmt generator_stop generators
    genexps global grammar int_literal iter keyword keywordonlyarg listcomps longexp named_expressions opcodes patma
    pep646_syntax positional_only_arg print raise scope setcomps source_encoding string_literals syntax type_aliases
    type_annotations type_comments type_params unary unicode_identifiers unpack unpack_ex utf8source with yield_from
"""
OBJECTS = """
    abc abstract_numbers baseexception bool builtin bytes cmath collections complex contains context copy copyreg
    dataclasses decimal defaultdict deque descr descrtut dict dictviews dynamic dynamicclassattribute enum enumerate
    finalization float format fractions funcattrs functools gc genericalias genericclass hash heapq index int isinstance
    iterlen itertools list long math math_property memoryview metaclass module numeric_tower operator ordered_dict
    pickle picklebuffer pow property range re reprlib richcmp set slice sort statistics str string struct structseq
    subclassinit super tuple type_cache typechecks types typing userdict userlist userstring weakref weakset
"""
RUNNING_CODE = """
    ast bisect code codeop contextlib contextlib_async dis doctest frame graphlib import inspect json linecache logging
    marshal monitoring opcache peepholer pickletools pkgutil pprint pyclbr queue runpy sched shelve symtable sys
    sys_setprofile sys_settrace textwrap thread threading threading_local timeit tokenize trace traceback unittest
    unparse warnings
"""
# The tests share these files and folders. `support` is the tests' tool, so it stays bytecode.
HELPERS = """
    __init__.py support list_tests.py lock_tests.py mapping_tests.py pickletester.py seq_tests.py string_tests.py
    re_tests.py typinganndata tracedmodules relimport.py dis_module.py profilee.py encoded_modules mathdata
    test_dbm.py test_importlib/__init__.py test_importlib/util.py exception_hierarchy.txt tokenizedata
"""


def selected() -> list[str]:
    """Return the names of the selected tests that this interpreter has, such as "test_scope"."""
    names = sorted(f"test_{name}" for name in f"{SYNTAX} {OBJECTS} {RUNNING_CODE}".split())
    return [name for name in names if (FOLDER / name).is_dir() or (FOLDER / f"{name}.py").is_file()]


def helpers() -> list[str]:
    """Return the files and folders that the tests share, relative to FOLDER."""
    return [name for name in HELPERS.split() if (FOLDER / name).exists()]


def extensions() -> list[Path]:
    """Return the interpreter's extension modules for tests, such as _testcapi. The builder leaves them out."""
    folder = Path(sysconfig.get_config_var("DESTSHARED"))
    return [path for path in sorted(folder.glob("*.so")) if path.name.startswith(("_test", "_xx", "xx"))]
