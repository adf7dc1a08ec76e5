"""A project's secrets do not get into its bundle; its harmless files do. See planted.py for both."""

import gzip
import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from djbundle.builder.contents.file_selection import Decision, FileSelection
from djbundle.builder.contents.left_out import LeftOut
from djbundle.builder.contents.package_files import local_files
from djbundle.builder.contents.suspicions import secrets_among_static_files
from djbundle.builder.project.configuration import Configuration
from djbundle.builder.project.project import Project, find_project
from djbundle.errors import ConfigurationError, GitError
from tests.attacks import planted
from tests.attacks.planted import CANARY, HARMLESS, KEY, PLAIN, Files
from tests.conftest import DJBUNDLE, PROJECTS, run_build

MANAGE = {name: HARMLESS[name] for name in ("manage.py", "shop/__init__.py", "shop/settings.py")}


def write(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def git(folder: Path, *arguments: str) -> None:
    author = ("-c", "user.name=a", "-c", "user.email=a@localhost")
    subprocess.run(["git", "-C", folder, *author, *arguments], check=True, capture_output=True)


def commit(folder: Path) -> None:
    """Commit all files, including ignored ones."""
    git(folder, "init", "--quiet")
    git(folder, "add", "--force", ".")
    git(folder, "commit", "--quiet", "--message", "all of it")


def decide(folder: Path, opened: Collection[str] = (), include: Collection[str] = ()) -> dict[str, Decision]:
    """Return what a build decides about each file of the project."""
    project = find_project(folder, settings=None, name=None)
    return decisions_of(project, opened, include)


def decisions_of(project: Project, opened: Collection[str], include: Collection[str]) -> dict[str, Decision]:
    return {each.path: each for each in selection_of(project, opened, include).decisions}


def selection_of(project: Project, opened: Collection[str] = (), include: Collection[str] = ()) -> FileSelection:
    read = {str(project.root / name) for name in opened}
    inspection: Any = SimpleNamespace(
        media_root="", static_root="", folders={}, databases=[], opened=[], read_as_data=lambda: read
    )
    return FileSelection(replace(project, configuration=Configuration(include=[*include])), inspection)


def taken(decisions: dict[str, Decision]) -> set[str]:
    return {name for name, each in decisions.items() if each.taken}


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Decision]:
    """Return the decisions for a project in which all files were committed."""
    folder = tmp_path_factory.mktemp("tracked")
    write(folder, HARMLESS | planted.planted())
    commit(folder)
    return decide(folder)


def test_table_is_long() -> None:
    assert len(planted.planted()) >= 160
    assert len(set(planted.by_name())) == len(planted.by_name())


@pytest.mark.parametrize("name", planted.planted())
def test_planted_file_stays_out_although_git_tracks_it(tracked: dict[str, Decision], name: str) -> None:
    """The files stay out; folders of tools are not even searched."""
    decision = tracked.get(name)
    assert decision is None or not decision.taken, decision
    assert bool(decision) or name.startswith((".idea/", ".vscode/"))


@pytest.mark.parametrize("name", sorted(set(HARMLESS) - set(planted.planted())))
def test_harmless_file_goes_in(tracked: dict[str, Decision], name: str) -> None:
    assert tracked[name].taken, tracked[name]


def test_nothing_planted_goes_in_where_there_is_no_git(tmp_path: Path) -> None:
    write(tmp_path, HARMLESS | planted.planted())
    assert taken(decide(tmp_path)) == set(HARMLESS) - set(planted.planted())


def test_what_is_left_out_is_told_unless_everybody_knows(tracked: dict[str, Decision]) -> None:
    """git tracks all of these files, so the developer may expect them in the bundle."""
    expected = {name for name, each in tracked.items() if not each.taken and not each.is_news}
    assert {".env", "db.sqlite3", "Dockerfile", "settings.py~", "debug.log"} <= expected
    news = {"shop/words.txt", "templates/mail/notes.txt", "static/app.js", "shop/fixtures/keys.json", "dump.sql"}
    assert news.isdisjoint(expected)
    assert not expected & set(planted.BY_CONTENT)


def test_untracked_data_stay_out_unless_their_place_speaks_for_them(tmp_path: Path) -> None:
    commit(write(tmp_path, MANAGE))
    places = {"shop/words.txt", "templates/a.html", "static/a.css", "shop/fixtures/a.json", "shop/models.py"}
    others = {"notes.txt", "data/a.csv", "templates/notes", "letters.json"}
    write(tmp_path, dict.fromkeys((*places, *others), ""))
    decisions = decide(tmp_path, opened=["letters.json"])
    assert taken(decisions) == set(MANAGE) | places | {"letters.json"}
    assert decisions["notes.txt"].reason == "not tracked by git"


@pytest.mark.parametrize("with_git", [True, False])
def test_data_directory_stays_out(tmp_path: Path, with_git: bool) -> None:
    """A site was tried beside its sources, and has uploads. Only a full name in `include` takes one of them."""
    data: Files = dict.fromkeys(
        ("trial/serve.lock", "trial/media/cv.pdf", "trial/media/a/static/b.css", "trial/log.txt"), ""
    )
    write(tmp_path, MANAGE | data)
    if with_git:
        commit(tmp_path)
    assert taken(decide(tmp_path)) == set(MANAGE)
    assert taken(decide(tmp_path, include=["trial/log.txt"])) == {*MANAGE, "trial/log.txt"}
    (tmp_path / "serve.lock").touch()
    assert set(MANAGE) <= taken(decide(tmp_path)), "it may be the project's own folder"


def test_start_opens_what_is_a_secret(tmp_path: Path) -> None:
    """A secret stays out, and the build reports it, unless nearly every project has such a file."""
    files: Files = {"secrets.json": "{}", "notes.txt": KEY, ".env": "A=1", "db.sqlite3": "", "config.json": PLAIN}
    decisions = decide(commit_and_return(write(tmp_path, MANAGE | files)), opened=files)
    assert taken(decisions) == {*MANAGE, "config.json"}
    assert {name for name, each in decisions.items() if each.is_news} == {"secrets.json", "notes.txt"}


def commit_and_return(folder: Path) -> Path:
    commit(folder)
    return folder


def test_include_names_a_secret_or_it_stays_out(tmp_path: Path) -> None:
    files: Files = {"data/a.key": PLAIN, "data/b.txt": KEY, "data/archive.7z": ""}
    files["data/c.txt"] = "api_key = a1b2c3d4e5f6"
    commit(write(tmp_path, MANAGE | files))
    decisions = decide(tmp_path, include=["data"])
    assert taken(decisions) == {*MANAGE, "data/archive.7z", "data/c.txt"}
    assert decisions["data/a.key"].is_news
    assert decisions["data/b.txt"].is_news
    assert taken(decide(tmp_path, include=["data/a.key", "./data/b.txt"])) == {*MANAGE, "data/a.key", "data/b.txt"}
    with pytest.raises(ConfigurationError, match="the project has no such file"):
        decide(tmp_path, include=["data/lost.txt"])


@pytest.mark.parametrize("with_git", [True, False])
def test_what_is_ignored_stays_out(tmp_path: Path, with_git: bool) -> None:
    rules = {".gitignore": "*.mo\n/local.json\nbuild/\n!keep.log2\n", "data/.gitignore": "*\n!a.txt\n"}
    files = dict.fromkeys(
        ("local.json", "build/x/a.txt", "data/a.txt", "data/b.txt", "shop/local.json", "shop/build/b.txt"), ""
    )
    translation = "locale/de/LC_MESSAGES/django.mo"
    write(tmp_path, MANAGE | rules | files | {translation: "", "locale/de/LC_MESSAGES/django.po": "", "words.mo": ""})
    if with_git:
        git(tmp_path, "init", "--quiet")
        git(tmp_path, "add", ".")
    decisions = decide(tmp_path, opened=["local.json"])
    assert taken(decisions) == {*MANAGE, "data/a.txt", "shop/local.json", translation}
    assert decisions["local.json"].is_news, "the settings read it, so its developer should know"
    assert decisions["build/"].reason == f"ignored by {'git' if with_git else '.gitignore'}"
    assert "build/x/a.txt" in taken(decide(tmp_path, include=["build/*"]))


def test_gitignore_above_the_project_counts_without_git(tmp_path: Path) -> None:
    write(tmp_path / "src", MANAGE | {"local.json": "", "words.txt": ""})
    write(tmp_path, {".gitignore": "local.json\n", "pyproject.toml": ""})
    assert taken(decide(tmp_path)) == {*MANAGE, "words.txt"}
    assert taken(decide(tmp_path / "src")) == {*MANAGE, "words.txt"}


# --- git fails, or is not installed ---


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a repository that belongs to another user, as a build container mounts it."""
    if os.geteuid():
        pytest.skip("only root can give a folder away")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SUDO_UID", raising=False)
    folder = write(tmp_path / "site", MANAGE | {".gitignore": "local.json\n", "local.json": PLAIN, "data.txt": ""})
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 12345, 12345)
    return folder


def test_git_that_refuses_ends_the_build_with_the_cure(foreign: Path) -> None:
    with pytest.raises(GitError, match="belongs to another user") as refused:
        decide(foreign)
    assert refused.value.fix == f"git config --global --add safe.directory {foreign}"
    (foreign.parent / "home").mkdir()
    subprocess.run(refused.value.fix.split(), check=True)
    assert taken(decide(foreign)) == {*MANAGE, "data.txt"}


def test_build_is_refused_in_a_line(foreign: Path) -> None:
    shown = subprocess.run([DJBUNDLE, "check", foreign], capture_output=True, text=True, check=False, timeout=120)
    assert shown.returncode == GitError.exit_code
    assert "safe.directory" in shown.stderr


def test_broken_repository_ends_the_build(tmp_path: Path) -> None:
    """A work tree or a submodule is in this state if it was copied without its repository."""
    write(tmp_path, MANAGE | {".git": "gitdir: /nowhere/.git/worktrees/site\n"})
    with pytest.raises(GitError, match="does not tell which files"):
        decide(tmp_path)


@pytest.fixture
def _no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


@pytest.mark.usefixtures("_no_git")
def test_without_git_gitignore_counts_and_that_is_told(tmp_path: Path) -> None:
    site = write(tmp_path / "site", MANAGE | {".gitignore": "local.json\n", "local.json": PLAIN, ".git/HEAD": ""})
    project = find_project(site, settings=None, name=None)
    assert project.listing.git_state == "no git"
    assert taken(decisions_of(project, (), ())) == set(MANAGE)
    shutil.rmtree(site / ".git")
    assert find_project(site, settings=None, name=None).listing.git_state == "no repository"


def test_repository_that_ignores_the_whole_project(tmp_path: Path) -> None:
    """The repository of a user's dotfiles ignores the rest of the home directory like this."""
    write(tmp_path / "work" / "site", MANAGE | {"a.txt": ""})
    write(tmp_path, {".gitignore": "*\n"})
    git(tmp_path, "init", "--quiet")
    assert taken(decide(tmp_path / "work" / "site")) == {*MANAGE, "a.txt"}


def test_repository_in_the_project_has_its_own_rules(tmp_path: Path) -> None:
    commit(write(tmp_path, MANAGE))
    inner = write(tmp_path / "shop" / "inner", {".gitignore": "local.json\n", "local.json": PLAIN, "words.txt": ""})
    git(inner, "init", "--quiet")
    decisions = decide(tmp_path)
    assert taken(decisions) == {*MANAGE, "shop/inner/words.txt"}


# --- other ways into the bundle ---


def test_link_does_not_hide_what_it_leads_to(tmp_path: Path) -> None:
    outside = write(tmp_path / "home", {".aws/credentials": PLAIN, "id_rsa": KEY, "words.txt": ""})
    site = write(tmp_path / "site", MANAGE)
    for number, target in enumerate((".aws/credentials", "id_rsa", "words.txt")):
        (site / f"shop/data{number}.txt").symlink_to(outside / target)
    (site / "shop" / "home").symlink_to(outside)
    commit(site)
    assert taken(decide(site)) == {*MANAGE, "shop/data2.txt", "shop/home/words.txt"}


def packed(files: Files) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def test_archives_are_looked_into(tmp_path: Path) -> None:
    harmless: Files = {"shop/a.zip": packed({"words.txt": "one"}), "b.csv.gz": gzip.compress(b"a,b\n")}
    secret: Files = {
        "shop/c.zip": packed({"words.txt": KEY}),
        "d.zip": packed({"prod.env": ""}),
        "e.json.gz": gzip.compress(b'{"password": "hunter2hunter2"}'),
        "f.zip": b"no archive",
        "site.sqlite3.gz": gzip.compress(b"SQLite format 3\0"),
    }
    commit(write(tmp_path, MANAGE | harmless | secret))
    assert taken(decide(tmp_path)) == {*MANAGE, *harmless}


def test_collected_static_files(tmp_path: Path) -> None:
    """Secrets stay out, whatever added them: a finder, the front end, another package."""
    secret: Files = {
        "server.0123456789ab.key": PLAIN,
        "id_rsa": PLAIN,
        "a/dump.sql": PLAIN,
        "a/app.0123456789ab.js": f"`{KEY}`",
        "prod.env": PLAIN,
        "rows.sql": "INSERT INTO a VALUES (1)",
    }
    harmless: Files = {"a.css": "", "password.js": "", "secret.png": "", "download.zip": "", "LICENSE": "", "x.swf": ""}
    write(tmp_path, secret | harmless)
    assert {str(path) for path, _ in secrets_among_static_files(tmp_path)} == set(secret)


def test_link_among_static_files_to_a_secret(tmp_path: Path) -> None:
    """collectstatic follows the link and copies its target."""
    rules: Files = {".gitignore": ".env\nstatic/built.js\n", "static/built.js": "built()", "static/a.css": "a"}
    site = write(tmp_path / "site", MANAGE | rules | {".env": "A=1", "db.sqlite3": "rows"})
    (site / "static" / "public.txt").symlink_to("../.env")
    commit(site)
    collected = shutil.copytree(site / "static", tmp_path / "collected")
    shutil.copy(site / "db.sqlite3", collected / "data.json")
    left_out = LeftOut.of(selection_of(find_project(site, settings=None, name=None)), collected)
    assert {each.path for each in left_out.static} == {"public.txt", "data.json"}


def test_package_that_is_developed_elsewhere(tmp_path: Path) -> None:
    """An editable install goes in as it is; secrets that lie beside its modules stay out."""
    harmless: Files = {"__init__.py": "", "words.txt": "", "templates/token.html": "", "sub/a.py": ""}
    secret: Files = {".env": PLAIN, "notes.txt": KEY, "db.sqlite3": "", ".git/config": PLAIN, "templates/id_rsa": PLAIN}
    write(tmp_path, harmless | secret)
    names = {str(name) for name, path in local_files("kit", tmp_path / "__init__.py") if path.is_file()}
    assert names == {f"kit/{name}" for name in harmless}


# --- a whole bundle ---


def test_no_secret_is_in_a_bundle(tmp_path: Path) -> None:
    """Each planted file contains the canary; the test looks for it in all that a recipient can unpack."""
    project = tmp_path / "small"
    shutil.copytree(PROJECTS / "small", project)
    marked: Files = {
        name.replace("shop/", "notes/"): (content if isinstance(content, bytes) else content.encode())
        + f"\n{CANARY}".encode()
        for name, content in planted.planted().items()
        if name != "shop/words.txt"  # the project has this file, and its page reads it
    }
    write(project, marked)
    commit(project)
    output = tmp_path / "dist" / "small"
    result = run_build(project, "-o", output, "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    left_out = {each["path"] for each in report["left_out"]["files"]}
    assert {name for name in marked if not name.startswith((".idea/", ".vscode/"))} <= left_out
    subprocess.run([output, "extract", tmp_path / "inside"], check=True, capture_output=True, timeout=120)
    files = [path for path in (tmp_path / "inside").rglob("*") if path.is_file()]
    assert len(files) > 1000
    assert [path for path in [output, *files] if CANARY.encode() in path.read_bytes()] == []
    assert {path.name for path in files} >= {"GREETING.md", "words.txt", "index.html"}
