"""``djbundle init --for``: each file passes the validator of its kind, and all of them agree with ``serve``."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dj_database_url
import hcl2
import kubernetes_validate
import pytest
import yaml
from hcl2.utils import SerializationOptions

from djbundle.builder.deployment import Kind, Site, deployment_files, scaled_object
from djbundle.builder.init import distribution_with_extras, missing_parts
from djbundle.runtime.options.roles import Role
from djbundle.runtime.options.serve import ServeOptions, parse_serve_options
from tests.conftest import DJBUNDLE, PROJECTS
from tests.support.valkey import Valkey

SITE = Site("my_shop", has_tasks=True, needed=("API_KEY", "SECRET_KEY"))
VERSIONS = ("1.27", kubernetes_validate.latest_version())  # of Kubernetes
SECOND = re.compile(r"(\d+)s")


def write(folder: Path, site: Site = SITE, kinds: tuple[Kind, ...] = tuple(Kind)) -> Path:
    """Write the files, and return the folder `deploy`."""
    for each in deployment_files(site, kinds):
        (folder / each.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / each.path).write_text(each.text)
    return folder / "deploy"


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    return write(tmp_path)


def make_variables(deploy: Path, *hosts: str) -> dict[str, str]:
    subprocess.run(["sh", deploy / "variables.sh", *hosts], check=True)
    lines = (deploy / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def run_module(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", name, *arguments], capture_output=True, text=True, check=False)


def objects(deploy: Path) -> list[Any]:
    return [each for file in sorted((deploy / "kubernetes").iterdir()) for each in yaml.safe_load_all(file.read_text())]


def pods(deploy: Path) -> dict[str, Any]:
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in objects(deploy)
        if "template" in each["spec"]
    }


def job(deploy: Path) -> Any:
    """Return the body of the Nomad job."""
    options = SerializationOptions(strip_string_quotes=True, explicit_blocks=False, with_comments=False)
    with (deploy / "my-shop.nomad.hcl").open() as file:
        (job,) = hcl2.load(file, serialization_options=options)["job"]
    return job["my-shop"]


def tasks(deploy: Path) -> Iterator[tuple[str, Any]]:
    """Yield the tasks of the Nomad job, each with the name of its group."""
    for group in job(deploy)["group"]:
        for name, body in group.items():
            yield name, body["task"][0][name]


def unit(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", path.read_text(), re.MULTILINE))


def compose(deploy: Path) -> Any:
    """Return what compose makes of its file."""
    result = run_module("podman_compose", "--file", deploy / "compose.yaml", "config")
    assert result.returncode == 0, result.stderr
    return yaml.safe_load(result.stdout)


# --- the variables ---


def test_passwords_are_made_once_and_for_their_owner_only(deploy: Path) -> None:
    variables = make_variables(deploy, "db.internal", "cache.internal")
    database = dj_database_url.parse(variables["DATABASE_URL"])
    assert (database["HOST"], database["NAME"], database["USER"]) == ("db.internal", "my-shop", "my-shop")
    assert database["PASSWORD"] == variables["POSTGRES_PASSWORD"]
    assert variables["CACHE_URL"] == f"redis://:{variables['VALKEY_PASSWORD']}@cache.internal:6379/1"
    assert variables["TASKS_URL"] == f"redis://:{variables['VALKEY_PASSWORD']}@cache.internal:6379/0"
    assert variables["API_KEY"] == ""
    passwords = {variables[name] for name in ("SECRET_KEY", "POSTGRES_PASSWORD", "VALKEY_PASSWORD")}
    assert len(passwords) == 3
    assert all(re.fullmatch("[0-9a-f]{48}", each) for each in passwords)
    assert (deploy / ".env").stat().st_mode & 0o777 == 0o600
    assert ".env" in (deploy / ".gitignore").read_text().splitlines()
    before = (deploy / ".env").read_text()
    again = subprocess.run(["sh", deploy / "variables.sh", "db", "cache"], capture_output=True, check=False)
    assert again.returncode
    assert (deploy / ".env").read_text() == before


def test_forgotten_host_leaves_no_file(deploy: Path) -> None:
    refused = subprocess.run(["sh", deploy / "variables.sh", "db"], capture_output=True, text=True, check=False)
    assert refused.returncode
    assert "name the host of Valkey" in refused.stderr
    assert not (deploy / ".env").exists()


def test_passwords_are_in_no_other_file(deploy: Path) -> None:
    before = {path: path.read_text() for path in deploy.rglob("*") if path.is_file()}
    variables = make_variables(deploy, "postgres", "valkey")
    after = {path: path.read_text() for path in deploy.rglob("*") if path.is_file() and path.name != ".env"}
    assert after == before
    for text in after.values():
        assert not [value for value in variables.values() if len(value) > 20 and value in text]
        values = re.findall(r"(?:_PASSWORD: ?|_PASSWORD=|SECRET_KEY=|requirepass )(\S+)", text)
        assert all(value.startswith("$") for value in values), values


# --- the validators ---


def test_compose_file_is_valid(deploy: Path) -> None:
    checked = run_module("check_jsonschema", "--builtin-schema", "vendor.compose-spec", deploy / "compose.yaml")
    assert checked.returncode == 0, checked.stdout
    refused = run_module("podman_compose", "--file", deploy / "compose.yaml", "config")
    assert "see the head of this file" in refused.stderr  # there are no passwords yet
    variables = make_variables(deploy, "postgres", "valkey")
    services = compose(deploy)["services"]
    assert services.keys() == {"web", "worker", "scheduler", "postgres", "valkey"}
    assert services["postgres"]["environment"]["POSTGRES_PASSWORD"] == variables["POSTGRES_PASSWORD"]
    assert services["valkey"]["environment"]["VALKEY_PASSWORD"] == variables["VALKEY_PASSWORD"]
    for role in Role:
        assert services[role]["env_file"] == [".env"]
        assert services[role]["healthcheck"]["test"] == ["CMD", "/my_shop", "healthcheck"]
        assert services[role]["depends_on"].keys() == {"postgres", "valkey"}


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_objects_are_valid(deploy: Path, version: str) -> None:
    kinds = sorted(each["kind"] for each in objects(deploy))
    assert kinds == [*["Deployment"] * 3, "PodDisruptionBudget", *["Service"] * 3, *["StatefulSet"] * 2]
    for each in objects(deploy):
        kubernetes_validate.validate(each, version, strict=True)


def test_nomad_job_is_valid(deploy: Path) -> None:
    assert [name for name, _ in tasks(deploy)] == ["web", "worker", "scheduler"]
    for _, task in tasks(deploy):
        assert task["template"][0]["env"] is True
        assert task["config"][0]["readonly_rootfs"] is True
    assert 'nomadVar "nomad/jobs/my-shop"' in (deploy / "my-shop.nomad.hcl").read_text()  # what the job may read
    for group in job(deploy)["group"]:
        (body,) = group.values()
        ports = {name for each in body["network"][0]["port"] for name in each}
        assert {each["port"] for each in body["service"]} <= ports
        assert all(each["check"] for each in body["service"])


def test_units_are_valid_and_locked_up(deploy: Path, tmp_path: Path) -> None:
    files = sorted((deploy / "systemd").iterdir())
    assert [each.name for each in files] == [f"my_shop-{role}.service" for role in ("scheduler", "web", "worker")]
    for file in files:
        text = file.read_text()
        assert "/opt/my_shop/my_shop serve " in text
        file.write_text(text.replace("/opt/my_shop/my_shop", shutil.which("true") or ""))  # a program that exists
    verified = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    command: list[str | Path] = ["systemd-analyze", "security", "--offline=true", "--no-pager", *files]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    exposures = re.findall(r"exposure level for \S+: ([\d.]+)", output)
    assert len(exposures) == len(files)
    assert all(float(each) < 2.0 for each in exposures), output


# --- the files and `serve` ---


def commands(deploy: Path) -> Iterator[tuple[list[str], int]]:
    """Yield the arguments of each ``serve`` in a file, and after how many seconds of a stop it is killed."""
    make_variables(deploy, "postgres", "valkey")
    for service in compose(deploy)["services"].values():
        if "env_file" in service:
            yield service["command"], seconds(service["stop_grace_period"])
    for pod in pods(deploy).values():
        if "args" in pod["containers"][0]:
            yield pod["containers"][0]["args"], pod["terminationGracePeriodSeconds"]
    for _, task in tasks(deploy):
        yield task["config"][0]["args"], seconds(task["kill_timeout"])
    for path in (deploy / "systemd").iterdir():
        yield shlex.split(unit(path)["ExecStart"])[1:], int(unit(path)["TimeoutStopSec"])


def seconds(text: str) -> int:
    match = SECOND.fullmatch(text)
    assert match
    return int(match[1])


def test_serve_takes_the_options_and_may_finish_its_work(deploy: Path) -> None:
    parsed: list[tuple[ServeOptions, int]] = []
    for (command, *arguments), patience in commands(deploy):
        assert command == "serve"
        parsed.append((parse_serve_options("my_shop", arguments), patience))
    assert len(parsed) == 3 * len(Kind)
    for options, patience in parsed:
        assert len(options.roles) == 1
        assert bool(options.binds) == (Role.WEB in options.roles)
        assert patience >= options.shutdown_delay + options.grace + 5
    for role in Role:
        assert sum(role in options.roles for options, _ in parsed) == len(Kind)


def test_pods_have_no_more_rights_than_the_restricted_standard_allows(deploy: Path) -> None:
    for pod in pods(deploy).values():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {"requests", "limits"} == container["resources"].keys()
    for role in Role:
        assert pods(deploy)[f"my-shop-{role}"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


def test_kubernetes_objects_find_each_other(deploy: Path) -> None:
    by_kind: dict[str, list[Any]] = {}
    for each in objects(deploy):
        by_kind.setdefault(each["kind"], []).append(each)
    templates = [
        each["spec"]["template"]["metadata"]["labels"] for each in by_kind["Deployment"] + by_kind["StatefulSet"]
    ]
    selectors = [each["spec"]["selector"] for each in by_kind["Service"]]
    selectors += [each["spec"]["selector"]["matchLabels"] for each in objects(deploy) if each["kind"] != "Service"]
    for selector in selectors:
        assert sum(selector.items() <= labels.items() for labels in templates) == 1
    services = {each["metadata"]["name"] for each in by_kind["Service"]}
    assert {each["spec"]["serviceName"] for each in by_kind["StatefulSet"]} < services
    hosts = re.search(r"variables\.sh (\S+) (\S+)", (deploy / "kubernetes" / "web.yaml").read_text())
    assert hosts
    assert set(hosts.groups()) < services
    target = yaml.safe_load(scaled_object(SITE).text)["spec"]["scaleTargetRef"]["name"]
    assert target in {each["metadata"]["name"] for each in by_kind["Deployment"]}


def test_files_name_only_variables_that_there_are(deploy: Path) -> None:
    variables = make_variables(deploy, "postgres", "valkey")
    containers = [pod["containers"][0] for pod in pods(deploy).values()]
    keys = [
        each["valueFrom"]["secretKeyRef"]["key"]
        for one in containers
        for each in one.get("env", ())
        if "valueFrom" in each
    ]
    assert sorted(keys) == ["POSTGRES_PASSWORD", "VALKEY_PASSWORD"]
    assert set(keys) < variables.keys()
    assert [one["envFrom"] for one in containers if "args" in one] == [[{"secretRef": {"name": "my-shop"}}]] * 3


@pytest.mark.parametrize("kind", [Kind.COMPOSE, Kind.KUBERNETES])
def test_valkey_asks_for_its_password_and_shows_it_to_nobody(deploy: Path, tmp_path: Path, kind: Kind) -> None:
    password = make_variables(deploy, "postgres", "valkey")["VALKEY_PASSWORD"]
    if kind is Kind.COMPOSE:
        service = compose(deploy)["services"]["valkey"]
        command, check = service["command"], ["sh", "-c", service["healthcheck"]["test"][1]]
    else:
        (container,) = pods(deploy)["my-shop-valkey"]["containers"]
        command, check = container["command"], container["readinessProbe"]["exec"]["command"]
    with Valkey(tmp_path / "valkey", command, check, password) as valkey:
        assert not valkey.is_ready(VALKEY_PASSWORD="another")
        assert valkey.ask("config", "get", "appendonly").split() == ["appendonly", "yes"]
        assert valkey.ask("config", "get", "maxmemory-policy").split() == ["maxmemory-policy", "volatile-lru"]
        words = Path(f"/proc/{valkey.process.pid}/cmdline").read_text()
        assert "redis-server" in words
        assert password not in words


# --- the command ---


@pytest.fixture
def streaming(tmp_path: Path) -> Path:
    """Copy a project without tasks, whose settings need a variable."""
    return Path(shutil.copytree(PROJECTS / "streaming", tmp_path / "streaming"))


def init(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [DJBUNDLE, "init", project, "--env", "STREAMING_TOKEN=x", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_site_without_tasks_gets_no_worker(streaming: Path) -> None:
    result = init(streaming, *(f"--for={kind}" for kind in Kind))
    assert result.returncode == 0, result.stderr
    assert "djbundle.tasks is not in INSTALLED_APPS: there is no worker and no scheduler" in result.stdout
    workflow = (streaming / ".github" / "workflows" / "bundle.yml").read_text()
    assert 'pip install "djbundle[postgres,redis]"' in workflow  # else a bundle from there could not start
    written = [line.removeprefix("wrote ") for line in result.stdout.splitlines() if line.startswith("wrote ")]
    assert [each for each in written if each.startswith("deploy/")] == [
        "deploy/.gitignore",
        "deploy/variables.sh",
        "deploy/compose.yaml",
        "deploy/kubernetes/web.yaml",
        "deploy/kubernetes/postgres.yaml",
        "deploy/kubernetes/valkey.yaml",
        "deploy/streaming.nomad.hcl",
        "deploy/systemd/streaming-web.service",
    ]
    texts = [path.read_text() for path in (streaming / "deploy").rglob("*") if path.is_file()]
    assert not [text for text in texts if re.search("worker|scheduler|TASKS_URL", text)]
    assert "\nSTREAMING_TOKEN=\n" in (streaming / "deploy" / "variables.sh").read_text()
    variables = make_variables(streaming / "deploy", "postgres", "valkey")
    assert variables["STREAMING_TOKEN"] == ""
    assert compose(streaming / "deploy")["services"].keys() == {"web", "postgres", "valkey"}


def test_what_is_not_installed_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("djbundle.builder.init.is_for_project", lambda name: name == "kombu")
    notes = list(missing_parts(has_tasks=True))
    assert [re.findall(r"djbundle\[\w+\]", each) for each in notes] == [["djbundle[postgres]"], ["djbundle[redis]"]]
    monkeypatch.setattr("djbundle.builder.init.is_for_project", lambda name: name != "psycopg")
    assert not list(missing_parts(has_tasks=True))


@pytest.mark.parametrize(
    ("installed", "is_for_machines", "expected"),
    [
        ((), False, "djbundle"),
        ((), True, '"djbundle[postgres,redis]"'),
        (("redis",), False, '"djbundle[redis]"'),
        (("psycopg2-binary",), True, '"djbundle[redis]"'),
    ],
)
def test_build_elsewhere_installs_the_same_clients(
    monkeypatch: pytest.MonkeyPatch, installed: tuple[str, ...], is_for_machines: bool, expected: str
) -> None:
    monkeypatch.setattr("djbundle.builder.init.is_for_project", lambda name: name in installed)
    assert distribution_with_extras(is_for_machines=is_for_machines) == expected


def test_nothing_is_written_over(streaming: Path) -> None:
    assert init(streaming).returncode == 0
    (streaming / "Containerfile").write_text("mine")
    assert init(streaming, "--for", "compose").returncode == 0
    variables = make_variables(streaming / "deploy", "postgres", "valkey")
    (streaming / "deploy" / "compose.yaml").write_text("mine")
    refused = init(streaming, "--for", "nomad", "--for", "compose")
    assert refused.returncode == 28
    assert "deploy/compose.yaml" in refused.stderr
    assert not (streaming / "deploy" / "streaming.nomad.hcl").exists()
    assert init(streaming, "--for", "compose", "--force").returncode == 0
    assert "services:" in (streaming / "deploy" / "compose.yaml").read_text()
    assert (streaming / "Containerfile").read_text() == "mine"
    assert variables["POSTGRES_PASSWORD"] in (streaming / "deploy" / ".env").read_text()
