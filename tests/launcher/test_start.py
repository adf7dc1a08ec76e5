"""A bundle of few files starts from memory on each machine, with the machine's own C library. No Python is in it."""

from pathlib import Path

import pytest

from djbundle.builder.archive.pack import pack_tree
from djbundle.builder.archive.write import write_bundle
from djbundle.builder.core.cache import Cache
from djbundle.builder.core.tree import File, Tree
from djbundle.builder.native import compiler, elf
from tests.support.emulated_machine import LARGE_PAGES, boot
from tests.support.machines import NAMES, Bench, bench_of

SOURCES = Path(__file__).parent
TEXT = "a text from the archive"


@pytest.fixture(scope="module", params=NAMES)
def bench(request: pytest.FixtureRequest) -> Bench:
    return bench_of(request.param)


@pytest.fixture(scope="module")
def bundle(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundle(bench, tmp_path_factory.mktemp(f"start-{bench.machine.name}"))


def small_bundle(bench: Bench, folder: Path) -> Path:
    """Pack starter.c, a library that it opens by its path, a file, and the C library."""
    machine, cache = bench.machine, Cache(folder / "cache")
    tree = Tree(folder / "tree", machine)
    program, plugin = folder / "starter", folder / "plugin.so"
    bench.compile("-fPIE", "-pie", SOURCES / "starter.c", "-o", program)
    bench.compile("-fPIC", "-shared", "-DPLUGIN", SOURCES / "starter.c", "-o", plugin)

    def add(name: str, path: Path, *, is_program: bool = False) -> None:
        tree.replace(File(name, path, "libraries", executable=is_program), elf.slim(path, cache, as_image=is_program))

    add("_main", program, is_program=True)
    add(machine.loader, bench.library(machine.loader), is_program=True)
    add("_lib/libc.so.6", bench.library("libc.so.6"))
    add("_lib/vfs.so", compiler.compile_vfs(machine, cache))
    add("plugin.so", plugin)
    tree.needs["_main"] = ("_lib/vfs.so", "_lib/libc.so.6")
    tree.add_text("folder/text", TEXT, "project")
    archive = pack_tree(tree, ["_main", "_lib/libc.so.6", "folder/text"], cache, lambda _: None)
    write_bundle(folder / "bundle", compiler.compile_launcher(machine, cache), archive, built=1_700_000_000)
    return folder / "bundle"


def test_it_starts_from_memory(bench: Bench, bundle: Path) -> None:
    """A library is loaded from the archive, a thread runs, a child is forked, and folders are listed."""
    lines = bench.run(bundle, "one", "two").stdout.decode().splitlines()
    assert lines == [
        f"own path {bundle}",
        "arguments 2",
        f"text {TEXT}",
        "plugin 42",
        "thread 42",
        "child 7",
        f"root _lib _main folder {bench.machine.loader} plugin.so",
    ]


@pytest.mark.parametrize("size", ["16384", "65536"])
def test_it_starts_with_larger_pages(bench: Bench, bundle: Path, size: str) -> None:
    """qemu-user is told a larger page. It cannot fork then, so the program ends before."""
    if not bench.is_emulated or int(size) > bench.machine.largest_page:
        pytest.skip("this machine has one size of pages")
    environment = {"WITHOUT_FORK": "1", "QEMU_PAGESIZE": size}
    lines = bench.run(bundle, env=environment).stdout.decode().splitlines()
    assert lines[-1] == "thread 42"
    assert f"text {TEXT}" in lines


@pytest.mark.slow
def test_it_starts_on_a_kernel_with_larger_pages(tmp_path: Path) -> None:
    """qemu emulates a whole machine. Its kernel has pages of 16 KB, as that of a Raspberry Pi 5."""
    bench = bench_of("aarch64")
    bundle = small_bundle(bench, tmp_path)
    lines = boot(LARGE_PAGES, bench, tmp_path, "/bundle", "one", files={"bundle": bundle})
    assert lines[0] == "pages of 16384 bytes"
    assert lines[1:] == [
        "own path /bundle",
        "arguments 1",
        f"text {TEXT}",
        "plugin 42",
        "thread 42",
        "child 7",
        f"root _lib _main folder {bench.machine.loader} plugin.so",
        "status 0",
    ]
