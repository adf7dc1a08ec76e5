"""The Deployments that `djbundle init --for kubernetes` writes, played by podman with a real PostgreSQL and Redis."""

import base64
import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from djbundle.builder.deployment import Kind, Site, deployment_files
from djbundle.runtime.core.pod_volume import is_pod_volume
from djbundle.runtime.core.safe_path import find_weakness
from tests.support.customer import Customer
from tests.support.podman import VARIABLE, podman, write_configuration
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.servers import running
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until

IMAGE = "djbundle-test-deployment"
EMPTY_DIR = Path("pods", "8d1c2a5e", "volumes", "kubernetes.io~empty-dir", "data")  # below the folder of a kubelet
ENQUEUE = "from notes.tasks import write_note; write_note.enqueue('by a worker')"
NOTES = "from notes.models import Note; print(*Note.objects.values_list('text', flat=True))"


class Cluster:
    """Podman, with the files of the small project, its Secret, and the servers that the Secret names."""

    def __init__(self, folder: Path, image: str) -> None:
        self.folder, self.image, self.port = folder, image, free_port()
        for each in deployment_files(Site("small", has_tasks=True), [Kind.KUBERNETES]):
            (folder / each.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / each.path).write_text(each.text)
        subprocess.run(["sh", folder / "deploy" / "variables.sh", "127.0.0.1", "127.0.0.1"], check=True)
        lines = (folder / "deploy" / ".env").read_text().splitlines()
        self.variables = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
        self.variables["DJBUNDLE_ALLOWED_HOSTS"] = "127.0.0.1"  # instead of small.example

    def deployment(self, name: str) -> Any:
        return next(yaml.safe_load_all((self.folder / "deploy" / "kubernetes" / f"{name}.yaml").read_text()))

    @contextlib.contextmanager
    def servers(self) -> Iterator[None]:
        """Run PostgreSQL and Valkey, and write the Secret, with their ports in its URLs."""
        (container,) = self.deployment("valkey")["spec"]["template"]["spec"]["containers"]
        command, check = container["command"], container["readinessProbe"]["exec"]["command"]
        redis = Valkey(self.folder / "valkey", command, check, self.variables["VALKEY_PASSWORD"])
        with running(lambda folder: Postgres(folder, port=free_port())) as postgres, redis as valkey:
            postgres.create_user("small", self.variables["POSTGRES_PASSWORD"])
            ports = {":5432/": f":{postgres.port}/", ":6379/": f":{valkey.port}/"}
            secret = {name: encoded(replaced(value, ports)) for name, value in self.variables.items()}
            (self.folder / "secret.json").write_text(json.dumps(secret))
            podman("secret", "create", "small", self.folder / "secret.json")
            try:
                yield
            finally:
                podman("secret", "rm", "small")

    @contextlib.contextmanager
    def played(self, role: str) -> Iterator[str]:
        """Play the Deployment of a role, and yield its container.

        Only what podman has no equal for is changed: the registry, the network, the volume.
        """
        deployment = self.deployment(role)
        volume = self.folder / role / EMPTY_DIR
        volume.mkdir(parents=True)
        volume.chmod(0o777)  # as the kubelet does
        deployment["spec"]["replicas"] = 1
        pod = deployment["spec"]["template"]["spec"]
        pod["volumes"] = [{"name": "data", "hostPath": {"path": str(volume)}}]
        (container,) = pod["containers"]
        container["image"] = self.image
        del container["ports"]  # the host's network has no port to map
        ports = {":8000": f":{self.port}", ":9100": f":{free_port()}"}
        container["args"] = [replaced(each, ports) for each in container["args"]]
        file = self.folder / f"{role}.yaml"
        file.write_text(yaml.safe_dump(deployment))
        podman("kube", "play", "--network", "host", file)
        try:
            yield f"small-{role}-pod-0-{role}"
        finally:
            podman("pod", "rm", "--force", "--time", "0", f"small-{role}-pod-0")


def replaced(text: str, ports: dict[str, str]) -> str:
    for old, new in ports.items():
        text = text.replace(old, new)
    return text


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def execute(container: str, *arguments: str) -> str:
    return podman("exec", container, "/small", *arguments).stdout


@pytest.fixture
def image(small: Path, tmp_path: Path) -> Iterator[str]:
    os.environ[VARIABLE] = str(write_configuration(tmp_path))
    (tmp_path / "small").hardlink_to(small)
    (tmp_path / "Containerfile").write_text('FROM scratch\nCOPY small /small\nENTRYPOINT ["/small"]\n')
    podman("build", "--quiet", "--tag", IMAGE, tmp_path)
    yield f"localhost/{IMAGE}"
    podman("rmi", "--force", IMAGE)
    del os.environ[VARIABLE]


@pytest.fixture
def cluster(image: str, tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, image)
    with cluster.servers():
        yield cluster


def test_web_and_worker_share_what_the_secret_names(cluster: Cluster) -> None:
    with cluster.played("web") as web, cluster.played("worker") as worker:
        customer = Customer(f"http://127.0.0.1:{cluster.port}")
        wait_until(is_up(customer), "the pod of the role web is ready", 60)
        wait_until(
            lambda: "small runs" in podman("exec", worker, "/small", "healthcheck", check=False).stdout, "both run", 60
        )
        assert customer.get("/").status == 200
        execute(web, "shell", "-c", ENQUEUE)
        wait_until(lambda: "by a worker" in execute(web, "shell", "-c", NOTES), "the worker has run the task", 60)
        assert "\nUid:\t10001\t" in Path(f"/proc/{process_of(worker)}/status").read_text()


def is_up(customer: Customer) -> Callable[[], bool]:
    def ask() -> bool:
        with contextlib.suppress(OSError):
            return customer.get("/up").status == 200
        return False

    return ask


def process_of(container: str) -> str:
    return podman("inspect", "--format", "{{.State.Pid}}", container).stdout.strip()


def test_container_of_compose_serves_with_the_rights_that_it_has(image: str) -> None:
    """Run it as compose would, but on the host's network, and with SQLite."""
    files = {each.path.name: each.text for each in deployment_files(Site("small", has_tasks=True), [Kind.COMPOSE])}
    service, port = yaml.safe_load(files["compose.yaml"])["services"]["web"], free_port()
    options = ["--detach", "--network=host", f"--user={service['user']}", "--read-only", "--read-only-tmpfs=false"]
    options += [f"--tmpfs={each}" for each in service["tmpfs"]] + [f"--cap-drop={each}" for each in service["cap_drop"]]
    options += [f"--security-opt={each.replace(':true', '')}" for each in service["security_opt"]]
    options += [f"--env={name}={value}" for name, value in service["environment"].items()]
    command = [each.replace(":8000", f":{port}") for each in service["command"]]
    container = podman("run", *options, image, *command).stdout.strip()
    try:
        check, *words = service["healthcheck"]["test"]
        assert check == "CMD"
        wait_until(lambda: "is up" in podman("exec", container, *words, check=False).stdout, "it is healthy", 60)
        assert service["read_only"] is True
    finally:
        podman("rm", "--force", "--time", "0", container)


# --- the volume of a pod ---


def mountinfo(root: str, folder: Path) -> str:
    return f"36 35 8:1 / / rw - ext4 /dev/sda1 rw\n61 36 8:1 {root} {folder} rw,relatime - ext4 /dev/sda1 rw\n"


@pytest.mark.parametrize(
    ("root", "is_one"),
    [
        ("/var/lib/kubelet/pods/8d1c/volumes/kubernetes.io~empty-dir/data", True),
        ("/pods/8d1c/volumes/kubernetes.io~empty-dir/data", True),  # where the kubelet has a disk of its own
        ("/var/lib/kubelet/pods/8d1c/volumes/kubernetes.io~empty-dir/data/below", False),
        ("/var/lib/kubelet/pods/8d1c/volumes/kubernetes.io~nfs/data", False),
        ("/srv/data", False),
        ("/", False),
    ],
)
def test_volume_of_a_pod_is_known_by_its_mount(tmp_path: Path, root: str, is_one: bool) -> None:
    folder = tmp_path / "a folder"
    mounts = tmp_path / "mountinfo"
    mounts.write_text(mountinfo(root, Path(str(folder).replace(" ", "\\040"))))
    assert is_pod_volume(folder, mounts) is is_one
    assert not is_pod_volume(tmp_path, mounts)


def test_later_mount_hides_an_earlier_one(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    text = mountinfo("/pods/8d1c/volumes/kubernetes.io~empty-dir/data", tmp_path)
    mounts.write_text(text + mountinfo("/srv/data", tmp_path))
    assert not is_pod_volume(tmp_path, mounts)


def test_only_a_mount_makes_a_folder_a_volume(tmp_path: Path) -> None:
    """A folder of mode 777 that only has such a name is still refused."""
    volume = tmp_path / EMPTY_DIR
    volume.mkdir(parents=True)
    volume.chmod(0o777)
    weakness = find_weakness(volume / "data")
    assert weakness
    assert weakness.path == volume
