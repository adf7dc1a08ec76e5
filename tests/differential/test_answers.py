"""Each case of the project gives the same answer in a bundle as under gunicorn in the virtual environment."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.differential.http_probes import answers_to_probes
from tests.differential.known import FORKED, KNOWN
from tests.support.ports import free_port
from tests.support.site import Site, bare_environment
from tests.support.waiting import wait_until

Answers = dict[str, Any]


@pytest.fixture(scope="module")
def python_answers(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    folder = tmp_path_factory.mktemp("python")
    own = shutil.copytree(project, folder / "project", ignore=shutil.ignore_patterns("__pycache__"))
    programs = Path(sys.executable).parent
    environment = bare_environment(HOME=str(folder), PATH=f"{programs}:{os.defpath}")
    subprocess.run([sys.executable, "manage.py", "migrate"], cwd=own, env=environment, check=True, capture_output=True)
    port = free_port()
    command = [str(programs / "gunicorn"), f"--bind=127.0.0.1:{port}", "--timeout=600", "site_.wsgi"]
    with subprocess.Popen(command, cwd=own, env=environment, stderr=subprocess.DEVNULL) as gunicorn:
        try:
            return answers_of(f"http://127.0.0.1:{port}")
        finally:
            gunicorn.terminate()


@pytest.fixture(scope="module", params=["auto", "always"])
def preload(request: pytest.FixtureRequest) -> str:
    """Return how the site is loaded: in each process, since it starts threads, or once, before the fork."""
    return str(request.param)


@pytest.fixture(scope="module")
def bundle_answers(bundle: Path, preload: str, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    folder, options = tmp_path_factory.mktemp("served"), ("--workers", "1", "--no-worker", "--preload", preload)
    site = Site(bundle, folder / "data", bare_environment(HOME=str(folder)), *options)
    site.working_folder = folder  # not the project's
    with site:
        return answers_of(site.url)


def answers_of(url: str) -> Answers:
    """Return the answer to each case, by area and name."""
    areas: dict[str, list[str]] = wait_until(lambda: ask(f"{url}/"), "the site answers")
    answers = {f"{area}.{name}": ask(f"{url}/{area}/{name}/") for area, names in areas.items() for name in names}
    return answers | answers_to_probes(url)


def ask(url: str) -> Any:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=60) as response:
        return json.load(response)
    return None


def test_answers_are_those_of_python(python_answers: Answers, bundle_answers: Answers, preload: str) -> None:
    assert len(python_answers) > 1100
    assert python_answers.keys() == bundle_answers.keys()
    different = {name for name, answer in python_answers.items() if bundle_answers[name] != answer}
    known = KNOWN.keys() | (FORKED.keys() if preload == "always" else set())
    assert {name: (python_answers[name], bundle_answers[name]) for name in different - known} == {}
    assert known - different == set(), "these no longer differ"
