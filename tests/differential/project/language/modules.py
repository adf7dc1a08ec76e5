"""Modules: how they are found, named, loaded, loaded again and replaced."""

import importlib
import importlib.metadata
import importlib.resources
import importlib.util
import json
import os
import pkgutil
import subprocess
import sys
import types
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import language
import language.parts

from . import parts as relative_parts
from .parts import star as _star

HERE = os.path.dirname(__file__)


def module_getattr():
    from language import late

    try:
        language.never
    except AttributeError as error:
        text = str(error)
    return late, language.late, text, dir(language), hasattr(language, "nope")


def circular():
    from language.parts import circular_a

    return circular_a.both()


def circular_from():
    try:
        import language.parts.circular_from
    except ImportError as error:
        return str(error).partition(" (/")[0], error.name, "language.parts.circular_from" in sys.modules


def broken():
    texts = []
    for _ in range(2):
        try:
            importlib.import_module("language.parts.broken")
        except LookupError as error:
            texts.append((str(error), "language.parts.broken" in sys.modules, hasattr(language.parts, "broken")))
    return texts


def missing():
    try:
        import language.parts.missing
    except ModuleNotFoundError as error:
        return str(error), error.name


def reload_():
    import language.parts.reloaded as module

    before, kept = module.COUNT, module.Kept
    module.added = 1
    again = importlib.reload(module)
    return again is module, module.COUNT - before, module.Kept is kept, module.added


def import_again():
    import language.parts.reloaded as module

    del sys.modules["language.parts.reloaded"]
    import language.parts.reloaded as other

    return module is other, language.parts.reloaded is other, other.COUNT


def replaced():
    import language.parts.replaced as module

    return module.attribute, module(), type(module).__name__


def typed_module():
    import language.parts.typed_module as module

    return module.computed, type(module).__name__, isinstance(module, types.ModuleType)


def blocked():
    sys.modules["language.parts.blocked"] = None
    try:
        import language.parts.blocked
    except ModuleNotFoundError as error:
        return str(error), error.name
    finally:
        del sys.modules["language.parts.blocked"]


def injected():
    made = types.ModuleType("language.parts.made", "doc of made")
    made.value = 3
    sys.modules["language.parts.made"] = made
    try:
        from language.parts.made import value
        import language.parts.made as again

        return value, again is made, hasattr(language.parts, "made"), made.__spec__, made.__doc__
    except AttributeError as error:
        return str(error)
    finally:
        del sys.modules["language.parts.made"]


def own_names():
    return (
        *(__name__, __package__, __spec__.name, __spec__.parent, __spec__.has_location, os.path.basename(__file__)),
        *(__spec__.submodule_search_locations, os.path.basename(__spec__.origin), __doc__, __file__ == __spec__.origin),
        __spec__.loader is __loader__,
    )


def package_names():
    return (
        *(language.__name__, language.__package__, language.__spec__.parent, [os.path.basename(p) for p in language.__path__]),
        *(type(language.__path__).__name__, os.path.basename(language.__file__), language.__doc__),
        list(language.__spec__.submodule_search_locations) == list(language.__path__),
    )


def module_repr():
    return repr(language.parts).replace(HERE, "HERE"), repr(sys.modules[__name__]).replace(HERE, "HERE")


def module_dict():
    return sorted(each for each in vars(language.parts) if each.startswith("__"))


def cached_name():
    return os.path.basename(__cached__ or ""), os.path.basename(os.path.dirname(__spec__.cached or ""))


def globals_of_module():
    return globals() is vars(sys.modules[__name__]), globals()["HERE"] is HERE, __builtins__.__class__.__name__


def builtins_of_module():
    import builtins

    space = __builtins__ if isinstance(__builtins__, dict) else vars(__builtins__)
    return space is vars(builtins)


def relative_above():
    return relative_parts is language.parts, relative_parts.__name__, _star.public


def import_module_relative():
    try:
        importlib.import_module(".parts")
    except TypeError as error:
        text = str(error)
    return importlib.import_module(".parts", "language").__name__, text, importlib.util.resolve_name("..x", "a.b")


def namespace_package():
    import language.spaces
    import language.spaces.inner.module as module

    return (
        *(module.INSIDE, language.spaces.__file__, type(language.spaces.__path__).__name__),
        *(type(language.spaces.__loader__).__name__, language.spaces.__spec__.origin, repr(language.spaces).partition("[")[0]),
    )


def namespace_listing():
    import language.spaces

    return [(each.name, each.ispkg) for each in pkgutil.iter_modules(language.spaces.__path__)], [
        each.name for each in pkgutil.walk_packages(language.parts.__path__, "language.parts.") if each.ispkg
    ]


def namespace_resource():
    import language.spaces.inner

    return (importlib.resources.files(language.spaces.inner) / "text.txt").read_text()


def resources():
    files = importlib.resources.files("language")
    with importlib.resources.as_file(files / "parts" / "star.py") as path:
        size = path.stat().st_size > 10
    return (
        *(sorted(each.name for each in files.iterdir() if each.name[0] in "cpt"), files.joinpath("parts").is_dir(), size),
        *((files / "spaces" / "inner" / "text.txt").read_text(), importlib.resources.is_resource("language", "typed.py")),
    )


def get_data():
    data = pkgutil.get_data("language", "spaces/inner/text.txt")
    try:
        pkgutil.get_data("language", "nope.txt")
    except OSError as error:
        return data.decode(), type(error).__name__, os.path.basename(error.filename)


def find_spec():
    import language.spaces

    spec = importlib.util.find_spec("language.typed")
    return (
        *(spec.name, os.path.basename(spec.origin), importlib.util.find_spec("language.nope")),
        importlib.util.find_spec("nope_at_all"),
        importlib.util.find_spec("language.spaces").submodule_search_locations is not None,
    )


def find_spec_of_missing_parent():
    try:
        return importlib.util.find_spec("nope.child")
    except ModuleNotFoundError as error:
        return str(error)


def lazy_loader():
    sys.modules.pop("language.parts.star", None)
    spec = importlib.util.find_spec("language.parts.star")
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules["language.parts.star"] = module
    before = type(module).__name__
    return before, module.made, type(module).__name__


def spec_executed_twice():
    spec = importlib.util.find_spec("language.parts.star")
    one, two = importlib.util.module_from_spec(spec), importlib.util.module_from_spec(spec)
    spec.loader.exec_module(one)
    spec.loader.exec_module(two)
    one.made = "changed"
    return two.made, one is two, sys.modules.get("language.parts.star").made


def getattr_of_module_is_no_function():
    from language.parts import no_getattr

    return no_getattr.here


def names_that_loading_asks_for():
    return importlib.import_module("language.parts.asked").asked


def from_another_path():
    spec = importlib.util.spec_from_file_location("other.name", os.path.join(HERE, "parts", "star.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["other.name"] = module
    try:
        spec.loader.exec_module(module)
        return module.__name__, module.public, module.__package__, os.path.basename(module.__file__)
    finally:
        del sys.modules["other.name"]


def written_module():
    with TemporaryDirectory() as folder:
        Path(folder, "written_by_us.py").write_text("import language\nWHO = __name__, __file__[-17:], language.eager\n")
        Path(folder, "package_by_us").mkdir()
        Path(folder, "package_by_us", "__init__.py").write_text("from . import sub\n")
        Path(folder, "package_by_us", "sub.py").write_text("from .. import nothing\n")
        sys.path.insert(0, folder)
        try:
            importlib.invalidate_caches()
            import written_by_us

            try:
                import package_by_us
            except ImportError as error:
                text = str(error)
            return written_by_us.WHO, text, sorted(os.listdir(folder))
        finally:
            sys.path.remove(folder)
            sys.modules.pop("written_by_us", None)


def from_a_zip():
    with TemporaryDirectory() as folder:
        path = os.path.join(folder, "made.zip")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("zipped_by_us.py", "def f():\n    return 1 / 0\nNAME = __name__, type(__loader__).__name__\n")
            archive.writestr("zipped_package/__init__.py", "")
            archive.writestr("zipped_package/data.txt", "data in zip")
        sys.path.insert(0, path)
        try:
            import zipped_by_us
            import zipped_package

            data = importlib.resources.files(zipped_package).joinpath("data.txt").read_text()
            return zipped_by_us.NAME, data, [each.name for each in pkgutil.iter_modules([path])]
        finally:
            sys.path.remove(path)


def shadowed_by_path():
    with TemporaryDirectory() as folder:
        Path(folder, "star.py").write_text("made = 'shadow'\n")
        language.parts.__path__.insert(0, folder)
        kept = sys.modules.pop("language.parts.star", None)
        try:
            importlib.invalidate_caches()
            return importlib.import_module("language.parts.star").made
        finally:
            language.parts.__path__.remove(folder)
            sys.modules["language.parts.star"] = kept


def meta_path_hook():
    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "invented":
                return importlib.util.spec_from_loader(name, Loader())

    class Loader:
        def create_module(self, spec):
            return None

        def exec_module(self, module):
            module.answer = 42

    sys.meta_path.insert(0, Finder)
    try:
        import invented

        return invented.answer, invented.__spec__.name, repr(invented.__file__) if hasattr(invented, "__file__") else "no"
    finally:
        sys.meta_path.remove(Finder)


def meta_path_sees_project():
    seen = []

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            seen.append((name, path is not None))

    sys.modules.pop("language.parts.main_program", None)
    sys.meta_path.insert(0, Finder)
    try:
        import language.parts.main_program
    finally:
        sys.meta_path.remove(Finder)
    return seen


def meta_path_ends():
    names = [each.__name__ if isinstance(each, type) else type(each).__name__ for each in sys.meta_path]
    return "PathFinder" in names


def distributions():
    django = importlib.metadata.distribution("Django")
    return (
        *(django.metadata["Name"], importlib.metadata.version("django") == django.version, "asgiref" in str(django.requires)),
        importlib.metadata.packages_distributions().get("django"),
        [each.name for each in importlib.metadata.entry_points(group="console_scripts") if each.name == "django-admin"],
    )


def distribution_files():
    files = importlib.metadata.files("django")
    named = [each for each in files if each.name == "global_settings.py"]
    return [str(each) for each in named], named[0].locate().is_file(), named[0].read_text()[:10]


def missing_distribution():
    try:
        importlib.metadata.version("not-installed-at-all")
    except importlib.metadata.PackageNotFoundError as error:
        return str(error)


def module_of_main():
    import __main__

    return __main__.__name__, sys.modules["__main__"] is __main__


def python_m_with_arguments():
    command = [sys.executable, "-m", "language.parts.main_program", "-x", "a b"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout and json.loads(done.stdout), done.stderr[-200:]


def python_m_package():
    done = subprocess.run([sys.executable, "-m", "language.parts.runnable", "1"], capture_output=True, text=True)
    return done.stdout, done.stderr[-200:]


def python_m_missing():
    done = subprocess.run([sys.executable, "-m", "language.parts.absent"], capture_output=True, text=True)
    return done.returncode, done.stderr.rpartition(": ")[2]


def source_suffixes():
    import importlib.machinery

    return importlib.machinery.SOURCE_SUFFIXES, importlib.machinery.BYTECODE_SUFFIXES, ".so" in importlib.machinery.all_suffixes()


def module_in_function_named():
    import language.closures as c

    f = c.counter
    return f.__module__, sys.modules[f.__module__] is c, f.__globals__ is vars(c)


def delattr_of_package():
    del language.parts.LOADED
    try:
        from language.parts import LOADED
    except ImportError as error:
        return str(error).partition("(")[0]
    finally:
        language.parts.LOADED = []


def setattr_of_module():
    module = sys.modules[__name__]
    module.set_later = 5
    try:
        return set_later
    finally:
        del module.set_later
