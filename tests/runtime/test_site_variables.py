"""Variables of the site: what the environment has wins, and what came from the file follows the file."""

import json
from pathlib import Path

import pytest

from djbundle.errors import DataDirectoryError, OptionError
from djbundle.runtime.process.site_variables import (
    HANDOVER,
    change_variables,
    check_name,
    load_variables,
    offered,
    read_variables,
)


def test_environment_wins(tmp_path: Path) -> None:
    change_variables(tmp_path, {"KEY": "stored", "OTHER": "stored"})
    environment = {"KEY": "own"}
    load_variables(tmp_path, environment)
    assert (environment["KEY"], environment["OTHER"]) == ("own", "stored")


def test_next_program_follows_the_file(tmp_path: Path) -> None:
    """It inherits the environment, in which the variables of the file are no others than those of the process."""
    environment = {"OWN": "1"}
    change_variables(tmp_path, {"A": "1", "B": "1"})
    load_variables(tmp_path, environment)
    change_variables(tmp_path, {"A": None, "B": "2"})
    load_variables(tmp_path, environment)
    assert "A" not in environment
    assert (environment["B"], environment["OWN"]) == ("2", "1")
    change_variables(tmp_path, {"B": None})
    load_variables(tmp_path, environment)
    assert environment == {"OWN": "1"}


def test_copy_keeps_the_variables_of_the_site(tmp_path: Path) -> None:
    """A proof of a backup runs with the environment of the site, in another data directory."""
    environment: dict[str, str] = {}
    change_variables(tmp_path, {"KEY": "of the site"})
    load_variables(tmp_path, environment)
    load_variables(tmp_path / "copy", environment)
    assert environment == {"KEY": "of the site"}


def test_offer_is_for_the_version_that_takes_over(tmp_path: Path) -> None:
    """It ends with the command that makes it, even if that is killed."""
    change_variables(tmp_path, {"KEY": "old"})
    with offered(tmp_path, {"KEY": "new"}) as offer:
        candidate, other = {HANDOVER: "{}"}, dict[str, str]()
        load_variables(tmp_path, candidate)
        load_variables(tmp_path, other)
        assert (candidate["KEY"], other["KEY"]) == ("new", "old")
    later = {HANDOVER: "{}"}
    load_variables(tmp_path, later)
    assert later["KEY"] == "old"
    with offered(tmp_path, {"KEY": "new"}) as offer:
        offer.store()
        offer.withdraw()
    assert read_variables(tmp_path) == {"KEY": "new"}


def test_two_commands_do_not_change_the_file_at_once(tmp_path: Path) -> None:
    with offered(tmp_path, {}), pytest.raises(DataDirectoryError, match="another command"):
        change_variables(tmp_path, {"KEY": "1"})


@pytest.mark.parametrize("content", ["", "[]", '{"KEY": 1}', "{"])
def test_damaged_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "variables.json").write_text(content)
    with pytest.raises(DataDirectoryError, match="cannot read the variables"):
        load_variables(tmp_path, {})


def test_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text('{"KEY": "1"}')
    (tmp_path / "variables.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataDirectoryError):
        load_variables(tmp_path, {})


def test_names_that_are_used_before_the_file_is_read(tmp_path: Path) -> None:
    """They are refused, and ignored in a file that somebody else has written."""
    for name in ("LD_PRELOAD", "PYTHONPATH", "PATH", "DJBUNDLE_DATA_DIR", "DJANGO_SETTINGS_MODULE", "1", "A=B", ""):
        with pytest.raises(OptionError):
            check_name(name)
    check_name("DJBUNDLE_ALLOWED_HOSTS")
    (tmp_path / "variables.json").write_text(json.dumps({"LD_PRELOAD": "evil.so", "A": "1"}))
    assert read_variables(tmp_path) == {"A": "1"}
