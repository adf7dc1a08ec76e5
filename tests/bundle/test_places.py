"""A bundle runs in any folder, and writes only to its data directory."""

import re
import shutil
import subprocess
from pathlib import Path

from tests.conftest import NewSite
from tests.support.customer import Customer, first_product
from tests.support.outside import Outside
from tests.support.site import Site, bare_environment

# Calls that make, change or remove a file, as strace prints them when they succeed.
WRITING = re.compile(
    r"""(?:open(?:at)?\((?:AT_FDCWD|\d+), "(?P<opened>[^"]+)", [^)]*?(?:O_WRONLY|O_RDWR|O_CREAT)"""
    r"""|(?:creat|mkdir|rmdir|unlink|truncate|chmod|mknod)\("(?P<changed>[^"]+)\""""
    r"""|(?:mkdirat|unlinkat|mknodat|fchmodat)\((?:AT_FDCWD|\d+), "(?P<at>[^"]+)\""""
    r"""|\b(?:rename|renameat2?|link|linkat|symlink|symlinkat)\(.*"(?P<renamed>[^"]+)").* = \d+$"""
)
DEVICES = ("/dev/", "/proc/")


def test_empty_environment_and_another_folder(shop: Path, tmp_path: Path) -> None:
    """There is only the file, and a data directory: HOME and PATH are not set."""
    (tmp_path / "elsewhere").mkdir()
    command = [str(shop), "check", "--data-dir", str(tmp_path / "data")]
    result = subprocess.run(
        command,
        env={},
        cwd=tmp_path / "elsewhere",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "")
    assert "WARNINGS" not in result.stderr
    assert "identified 4 issues" in result.stderr  # notes of what ties the shop to one machine
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_bundle_may_be_renamed(shop: Path, tmp_path: Path) -> None:
    other = Path(shutil.copy(shop, tmp_path / "renamed"))
    environment = bare_environment(HOME=str(tmp_path))
    result = subprocess.run([other, "migrat"], env=environment, capture_output=True, text=True, check=False)
    assert "renamed help" in result.stderr


def test_symbolic_link_works(shop: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(shop)
    result = subprocess.run([link, "version"], env=bare_environment(HOME=str(tmp_path)), check=False)
    assert result.returncode == 0


def test_data_lies_where_it_is_said(shop: Path, tmp_path: Path) -> None:
    """Check the order of precedence from outside."""
    expected = {
        "option": ({"DJBUNDLE_DATA_DIR": "/nowhere"}, ["--data-dir", str(tmp_path / "option")]),
        "variable": ({"DJBUNDLE_DATA_DIR": str(tmp_path / "variable"), "STATE_DIRECTORY": "/nowhere"}, []),
        "state": ({"STATE_DIRECTORY": f"{tmp_path / 'state'}:/nowhere"}, []),
    }
    for name, (variables, options) in expected.items():
        environment = bare_environment(**variables)
        subprocess.run([shop, "migrate", *options], env=environment, capture_output=True, check=True)
        assert (tmp_path / name / "db.sqlite3").is_file()


def test_everything_in_the_data_directory_is_private(new_small: NewSite) -> None:
    with new_small() as site:
        Customer(site.url).get("/")
        for path in [site.data, *site.data.rglob("*")]:
            assert path.stat().st_mode & 0o077 == 0, path


def test_nothing_is_written_elsewhere(new_shop: NewSite, outside: Outside, tmp_path: Path) -> None:
    """Run a purchase under strace."""
    trace = tmp_path / "trace"
    site = new_shop()
    wrapper = tmp_path / site.bundle.name
    wrapper.write_text(
        f'#!/bin/sh\nexec strace -f -D -qq --seccomp-bpf -s 4096 -e trace=file -o {trace} {site.bundle} "$@"\n'
    )
    wrapper.chmod(0o755)
    traced = Site(wrapper, site.data, site.environment)
    with traced:
        customer = Customer(traced.url)
        customer.buy(first_product(customer.get("/")), "traced@example.com")
        outside.mailbox.wait("traced@example.com", 60)
    written = {path for line in trace.read_text().splitlines() for path in written_paths(line)}
    allowed = (f"{site.data}", *DEVICES)
    assert any(path.startswith(f"{site.data}/db.sqlite3") for path in written)
    assert sorted(path for path in written if path.startswith("/") and not path.startswith(allowed)) == []


def written_paths(line: str) -> list[str]:
    match = None if " = -1 E" in line else WRITING.search(line)
    return [path for path in match.groupdict().values() if path] if match else []
