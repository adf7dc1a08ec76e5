import hashlib
import importlib.metadata
import json
import pkgutil
from importlib import import_module, resources
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Tells all that can be seen of the modules, data and distributions that the file FOREST names."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("forest")

    def handle(self, *_args: Any, **options: Any) -> None:
        with open(options["forest"]) as file:  # noqa: PTH123 - as short as its use
            forest = json.load(file)
        told = {
            "modules": {name: about_module(name) for name in forest["modules"]},
            "data": {f"{package}:{name}": digest(package, name) for package, name in forest["data"]},
            "distributions": {name: about_distribution(name) for name in forest["distributions"]},
            "plugins": sorted(
                f"{each.name} {each.value} {each.load()()}"
                for each in importlib.metadata.entry_points(group="odd.plugins")
            ),
        }
        self.stdout.write(json.dumps(told, indent=1, sort_keys=True))


def about_module(name: str) -> dict[str, Any]:
    module = import_module(name)
    path = getattr(module, "__path__", None)
    return {
        "name": module.__name__,
        "doc": module.__doc__,
        "value": getattr(module, "VALUE", None),
        "file": (getattr(module, "__file__", None) or "").rpartition("/")[2].partition(".")[0],
        "package": module.__package__,
        "children": sorted(each.name for each in pkgutil.iter_modules(path, f"{name}.")) if path else None,
        "files": sorted(each.name.partition(".py")[0] for each in resources.files(name).iterdir() if shows(each.name))
        if path
        else None,
    }


def shows(name: str) -> bool:
    return name != "__pycache__"


def digest(package: str, name: str) -> str:
    file = resources.files(package).joinpath(name)
    with resources.as_file(file) as path:
        assert path.read_bytes() == file.read_bytes()
    return f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}"


def about_distribution(name: str) -> dict[str, Any]:
    found = importlib.metadata.distribution(name)
    return {
        "name": found.metadata["Name"],
        "version": importlib.metadata.version(name),
        "summary": found.metadata["Summary"],
        "requires": found.requires,
        "entry points": sorted(map(str, found.entry_points)),
    }
