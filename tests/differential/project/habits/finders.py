"""How modules are found: zip files, loaders of our own, the path, and what was found."""

import importlib
import importlib.util
import os
import pkgutil
import pydoc
import sys
import tempfile
import zipfile
import zipimport
from contextlib import contextmanager
from importlib.machinery import FileFinder, ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path

HERE = Path(__file__).parent


@contextmanager
def _path(*entries, at=0):
    before = sys.path[:]
    sys.path[at:at] = entries
    try:
        yield
    finally:
        sys.path[:] = before
        importlib.invalidate_caches()


def _without(*names):
    for name in names:
        sys.modules.pop(name, None)


def relative_folder_on_the_path():
    with _path("tools"):
        _without("job")
        return importlib.import_module("job").NAME


def absolute_folder_on_the_path():
    with _path(str(HERE / "beside")):
        _without("helper_beside")
        module = importlib.import_module("helper_beside")
        return module.TEXT, Path(module.__file__).name, module.__spec__.origin == module.__file__


def folder_at_the_end():
    with _path(str(HERE / "beside"), at=len(sys.path)):
        _without("helper_beside")
        return importlib.import_module("helper_beside").TEXT


def folder_with_a_slash():
    with _path(f"{HERE}/beside/"):
        _without("helper_beside")
        return importlib.import_module("helper_beside").TEXT


def folder_with_dots():
    with _path(f"{HERE}/zoo/../beside"):
        _without("helper_beside")
        return importlib.import_module("helper_beside").TEXT


def zip_on_the_path():
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(f"{folder}/z.zip", "w") as archive:
            archive.writestr("zipped/__init__.py", "TEXT = 'zipped'")
            archive.writestr("zipped/inner.py", "from . import TEXT")
        with _path(f"{folder}/z.zip"):
            inner = importlib.import_module("zipped.inner")
            _without("zipped", "zipped.inner")
            return (
                inner.TEXT,
                type(inner.__loader__) is zipimport.zipimporter,
                pkgutil.get_data("zipped", "inner.py").decode(),
            )


def zip_of_the_project_on_the_path():
    with _path(str(HERE / "beside" / "packed.zip")):
        _without("packed_module")
        module = importlib.import_module("packed_module")
        return module.TEXT, Path(module.__file__).parent.name


def path_hook():
    class Importer:
        def __init__(self, entry):
            if entry != "made-up":
                raise ImportError

        def find_spec(self, name, target=None):
            return ModuleSpec(name, self) if name == "hooked" else None

        def create_module(self, spec):
            return None

        def exec_module(self, module):
            module.TEXT = "hooked"

    sys.path_hooks.append(Importer)
    try:
        with _path("made-up"):
            return importlib.import_module("hooked").TEXT
    finally:
        sys.path_hooks.remove(Importer)
        sys.path_importer_cache.pop("made-up", None)


def found_by_path_finder():
    spec = PathFinder.find_spec("cases.plugins.first", [str(HERE.parent / "cases" / "plugins")])
    return spec is not None and Path(spec.origin).name


def found_by_file_finder():
    finder = FileFinder(str(HERE / "beside"), (SourceFileLoader, [".py"]))
    spec = finder.find_spec("helper_beside")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TEXT, finder.find_spec("none")


def loaded_by_source_loader():
    module = SourceFileLoader("own_name", str(HERE / "beside" / "helper_beside.py")).load_module()
    return module.__name__, module.TEXT


def spec_of_a_module():
    spec = importlib.util.find_spec("cases.relative_paths")
    return spec.name, spec.parent, spec.has_location, Path(spec.origin).name, spec.submodule_search_locations


def spec_of_a_package():
    spec = importlib.util.find_spec("cases")
    return spec.name, spec.parent, [Path(each).name for each in spec.submodule_search_locations]


def source_from_a_spec():
    spec = importlib.util.find_spec("cases.plugins.first")
    return spec.loader.get_source("cases.plugins.first") == Path(spec.origin).read_text()


def code_from_a_spec():
    spec = importlib.util.find_spec("cases.plugins.first")
    code = spec.loader.get_code("cases.plugins.first")
    names = {"__name__": "executed"}
    exec(code, names)
    return names["NAME"], Path(code.co_filename).name


def walked():
    import cases

    return sorted(each.name for each in pkgutil.walk_packages(cases.__path__, "cases.") if "data" not in each.name)


def walked_by_path():
    return sorted((each.name, each.ispkg) for each in pkgutil.iter_modules([str(HERE)]))


def listed_importer():
    info = next(each for each in pkgutil.iter_modules([str(HERE / "zoo")]) if each.name == "trial")
    spec = info.module_finder.find_spec("trial")
    return Path(spec.origin).name


def all_modules_listed():
    names = {each.name for each in pkgutil.iter_modules()}
    return sorted({"cases", "habits", "django", "json", "math", "site_", "manage"} & names)


def resolved_names():
    return pkgutil.resolve_name("cases.plugins.first:NAME"), pkgutil.resolve_name("habits.finders.HERE").name


def located():
    return pydoc.locate("cases.plugins.first.NAME"), pydoc.locate("cases.none")


def imported_from():
    module = __import__("cases.plugins", fromlist=["first", "second"])
    return module.first.NAME, __import__("cases.plugins.second").__name__


def imported_again():
    before = importlib.import_module("cases.plugins.first")
    before.MARK = 1
    _without("cases.plugins.first")
    after = importlib.import_module("cases.plugins.first")
    return before is after, hasattr(after, "MARK"), after.NAME


def reloaded():
    module = importlib.import_module("cases.plugins.second")
    module.MARK = 1
    again = importlib.reload(module)
    return again is module, again.MARK, again.NAME


def without_the_root():
    """Modules of the project are found no more when its folder is not on the path."""
    root = str(HERE.parent)
    before = sys.path[:]
    sys.path[:] = [each for each in sys.path if each not in (root, "", ".")]
    try:
        _without("solo")
        importlib.import_module("solo")
        return "found"
    except ImportError as error:
        return type(error).__name__
    finally:
        sys.path[:] = before


def rest_without_the_root():
    """The standard library and packages are found all the same."""
    root = str(HERE.parent)
    before = sys.path[:]
    sys.path[:] = [each for each in sys.path if each not in (root, "", ".")]
    try:
        names = "colorsys", "sqlparse", "_bisect"
        kept = {name: sys.modules.pop(name, None) for name in names}
        return [importlib.import_module(name).__name__ for name in names]
    finally:
        sys.modules.update({name: module for name, module in kept.items() if module})
        sys.path[:] = before


def first_entry_replaced():
    before = sys.path[:]
    sys.path[0] = str(HERE / "beside")
    try:
        _without("colorsys", "helper_beside")
        return importlib.import_module("colorsys").__name__, importlib.import_module("helper_beside").TEXT
    finally:
        sys.path[:] = before


def extended_path():
    return [Path(each).name for each in pkgutil.extend_path([str(HERE)], "habits")]


def path_of_a_package_extended():
    import habits.zoo

    habits.zoo.__path__.append(str(HERE / "beside"))
    try:
        return importlib.import_module("habits.zoo.helper_beside").TEXT
    finally:
        habits.zoo.__path__.pop()


def finder_at_the_end():
    class Last:
        @staticmethod
        def find_spec(name, path=None, target=None):
            return ModuleSpec(name, None) if name == "never_there" else None

    sys.meta_path.append(Last)
    try:
        return importlib.util.find_spec("never_there").name, importlib.util.find_spec("cases").name
    finally:
        sys.meta_path.remove(Last)


def finder_at_the_front_replaces():
    class First:
        @staticmethod
        def find_spec(name, path=None, target=None):
            return ModuleSpec(name, First) if name == "cases.plugins.second" else None

        @staticmethod
        def create_module(spec):
            return None

        @staticmethod
        def exec_module(module):
            module.NAME = "replaced"

    _without("cases.plugins.second")
    sys.meta_path.insert(0, First)
    try:
        return importlib.import_module("cases.plugins.second").NAME
    finally:
        sys.meta_path.remove(First)
        _without("cases.plugins.second")


def module_written_at_run_time():
    with tempfile.TemporaryDirectory() as folder, _path(folder):
        for number in (1, 2):
            Path(folder, f"written_{number}.py").write_text(f"NUMBER = {number}")
            importlib.invalidate_caches()
        return [importlib.import_module(f"written_{number}").NUMBER for number in (1, 2)]


def package_beside_one_of_the_project():
    """A folder on the disk has a package with the name of one of the project, later on the path."""
    with tempfile.TemporaryDirectory() as folder, _path(folder, at=len(sys.path)):
        Path(folder, "habits").mkdir()
        Path(folder, "habits", "other.py").write_text("")
        try:
            importlib.import_module("habits.other")
        except ImportError as error:
            return str(error)


def names_of_main():
    main = sys.modules["__main__"]
    return hasattr(main, "__name__"), main.__name__


def cached_sources():
    return importlib.util.source_from_cache(importlib.util.cache_from_source("/x/y.py"))
