"""A bundle as the only file of a container image."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.customer import Customer, first_product, static_files
from tests.support.outside import Outside
from tests.support.podman import VARIABLE, podman, write_configuration
from tests.support.ports import free_port
from tests.support.waiting import wait_until

CONTAINERFILE = """
FROM scratch
COPY shop /shop
ENTRYPOINT ["/shop"]
CMD ["serve"]
"""
IMAGE = "djbundle-test-shop"
KEY = "given-by-the-platform-38c1f0b2"


@pytest.fixture(scope="module")
def image(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("image")
    (folder / "Containerfile").write_text(CONTAINERFILE)
    os.environ[VARIABLE] = str(write_configuration(folder))
    (folder / "shop").hardlink_to(shop)
    podman("build", "--quiet", "--tag", IMAGE, folder)
    yield IMAGE
    podman("rmi", "--force", IMAGE)
    del os.environ[VARIABLE]


class Container:
    """The shop in a container with a volume at /storage, on the host's network."""

    def __init__(self, image: str, volume: Path, outside: Outside) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        environment = outside.settings() | {"PORT": str(port), "SECRET_KEY_BASE": KEY}
        variables = [f"--env={name}={value}" for name, value in environment.items()]
        self._run = ["run", "--detach", "--network=host", f"--volume={volume}:/storage", *variables]
        self._image = image

    def start(self, *options: str) -> None:
        self.id = podman(*self._run, *options, self._image).stdout.strip()

    def execute(self, *arguments: str) -> str:
        return podman("exec", self.id, "/shop", *arguments).stdout

    def web_processes(self) -> list[int]:
        status = json.loads(self.execute("status", "--json"))
        return [each["pid"] for each in status["processes"] if each["role"] == "web"]

    def logs(self) -> str:
        result = podman("logs", self.id)
        return result.stdout + result.stderr

    def wait(self) -> None:
        wait_until(lambda: "serves http" in self.logs(), "the container serves", 60)


@pytest.fixture
def container(image: str, outside: Outside, tmp_path: Path) -> Iterator[Container]:
    (tmp_path / "storage").mkdir()
    container = Container(image, tmp_path / "storage", outside)
    yield container
    podman("rm", "--force", "--time", "0", container.id)


def test_scratch_image_sells_and_mails(container: Container, outside: Outside, tmp_path: Path) -> None:
    container.start()
    container.wait()
    container.execute("demo_data", "--admin-password", "correct horse")
    customer = Customer(container.url)
    home = customer.get("/")
    assert {customer.get(path).status for path in static_files(home)} == {200}
    order = customer.buy(first_product(home), "container@example.com")
    outside.mailbox.wait("container@example.com")
    assert "status-paid" in customer.get(order.url).text
    assert (tmp_path / "storage" / "db.sqlite3").is_file()
    # What a platform provides is enough: a port, a secret, a volume.
    assert not (tmp_path / "storage" / "secret_key").exists()
    assert container.execute("healthcheck") == f"{container.url}/ is up\n"
    assert KEY not in container.logs() + container.execute("config")


def test_process_one_stops_in_order(container: Container) -> None:
    """For process 1, the kernel ignores a signal that has no handler."""
    container.start()
    container.wait()
    podman("stop", "--time", "20", container.id)
    assert podman("inspect", "--format", "{{.State.ExitCode}}", container.id).stdout.strip() == "0"


HOG = """
import pathlib, sys
pathlib.Path("/proc/self/oom_score_adj").write_text("0")
prey, hogged = pathlib.Path(f"/proc/{sys.argv[1]}"), []
(prey / "oom_score_adj").write_text("1000")
while prey.exists():
    hogged.append(b"a" * (1 << 20))
"""


def test_memory_limit(container: Container) -> None:
    """As many web processes start as fit into memory. If the kernel kills one, another starts, and the log says why."""
    container.start("--memory=220m", "--memory-swap=220m")
    container.wait()
    (before,) = container.web_processes()
    podman("exec", container.id, "/shop", "-c", HOG, str(before), check=False)  # the kernel may kill this process too
    message = "web was killed by SIGKILL: there was no memory left; it is started again"
    wait_until(lambda: message in container.logs(), "it is said why")
    (after,) = wait_until(container.web_processes, "there is another")
    assert after != before
    assert Customer(container.url).get("/").status == 200


def test_read_only_root(container: Container) -> None:
    """Only the data volume is writable."""
    container.start("--read-only", "--read-only-tmpfs=false")
    container.wait()
    assert Customer(container.url).get("/").status == 200
