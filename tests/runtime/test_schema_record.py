"""The record of migrations: which backup is the one from before those that a version does not know."""

from pathlib import Path

from djbundle.runtime.database.schema_record import (
    FILE,
    SchemaStep,
    backups_before,
    read_steps,
    record_step,
    version_of,
)


def step(folder: Path, version: str, *migrations: str, backup: str = "") -> SchemaStep:
    if backup:
        (folder / backup).touch()
    return SchemaStep(version, "2026-12-01", [*migrations], {"db": str(folder / backup)} if backup else {})


def test_backup_is_from_before_the_first_unknown_migration(tmp_path: Path) -> None:
    steps = [step(tmp_path, "2", "a.2", backup="before-2"), step(tmp_path, "3", "a.3", backup="before-3")]
    assert backups_before(steps, ["a.3"]) == {"db": str(tmp_path / "before-3")}
    assert backups_before(steps, ["a.2", "a.3"]) == {"db": str(tmp_path / "before-2")}
    assert version_of(steps, ["a.2", "a.3"]) == "3"


def test_migration_that_was_applied_again_has_the_later_backup(tmp_path: Path) -> None:
    """In between, the database went back to the first backup."""
    steps = [step(tmp_path, "2", "a.2", backup="first"), step(tmp_path, "2", "a.2", backup="second")]
    assert backups_before(steps, ["a.2"]) == {"db": str(tmp_path / "second")}


def test_no_backup_if_a_migration_is_not_recorded_or_a_file_is_gone(tmp_path: Path) -> None:
    steps = [step(tmp_path, "2", "a.2", backup="first")]
    assert backups_before(steps, ["a.2", "by.hand"]) == {}
    (tmp_path / "first").unlink()
    assert backups_before(steps, ["a.2"]) == {}


def test_damaged_record_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    assert read_steps(tmp_path) == []
    record_step(tmp_path, step(tmp_path, "2", "a.2"))
    assert [each.version for each in read_steps(tmp_path)] == ["2"]
