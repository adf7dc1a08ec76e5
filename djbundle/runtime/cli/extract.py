"""``./shop extract DIR``: the files in a bundle, for people who want to look inside."""

import os
import shutil
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from djbundle.errors import ExtractError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.safe_path import find_weakness
from djbundle.runtime.options.parser import parse_options


def add_extract_options(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path, help="a new or an empty folder")


def run_extract(bundle: Bundle, arguments: list[str]) -> int:
    folder = parse_options(bundle.program, "extract", arguments, add_extract_options).folder.absolute()
    count, size = extract(bundle.root, folder)
    print(f"{count:,} files, {size:,} bytes in {folder}")
    return 0


def extract(root: Path, folder: Path) -> tuple[int, int]:
    """Copy the tree to `folder`, whole or not at all; return the numbers of files and bytes. Raises ExtractError."""
    try:
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise ExtractError(f"{folder} is there already", "name a new or an empty folder")
        if weakness := find_weakness(folder.parent, {0, os.geteuid()}, is_parent=True):
            raise ExtractError(f"{folder} is not safe: {weakness.path} {weakness.why}", "name a folder of your own")
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        try:
            counts = _copy(root, partial)
            partial.replace(folder)
        except BaseException:
            shutil.rmtree(partial)
            raise
    except OSError as error:
        raise ExtractError(
            f"cannot write to {folder}: {error.strerror}", "free some room, or name another folder"
        ) from error
    return counts


def _copy(root: Path, to: Path) -> tuple[int, int]:
    count = size = 0
    for folder, folders, files in os.walk(root):
        place = to / Path(folder).relative_to(root)
        for name in [*folders, *files]:
            source = Path(folder, name)
            if source.is_symlink():
                (place / name).symlink_to(source.readlink())
            elif source.is_dir():
                (place / name).mkdir()
            else:
                shutil.copy2(source, place / name)
                count += 1
                size += source.stat().st_size
    return count, size
