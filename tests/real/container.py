"""A site in a container that has only its bundle and the programs that it calls."""

import re
import shutil
import subprocess
from pathlib import Path

from tests.support.podman import VARIABLE, write_configuration
from tests.support.site import Site


class ContainedSite(Site):
    """Runs ``serve`` in the container, on the host's network, and other commands outside, on the same data."""

    mounts: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()

    def command(self) -> list[str]:
        folder = self.data.parent
        root = folder / "root"
        root.mkdir(exist_ok=True)
        for program in self.programs:
            copy_program(program, root)
        run = ["podman", "run", "--rm", "--network=host", f"--volume={self.bundle}:/{self.bundle.name}:ro"]
        folders = [f"--volume={path}:{path}" for path in (self.data, *self.mounts)]
        variables = [f"--env={name}={value}" for name, value in self.environment.items()]
        _, *words = super().command()
        configuration = f"{VARIABLE}={write_configuration(folder)}"
        return ["env", configuration, *run, *folders, *variables, "--rootfs", str(root), f"/{self.bundle.name}", *words]


def copy_program(name: str, root: Path) -> None:
    """Copy a program of this machine, with its libraries, to the same paths in the root."""
    program = shutil.which(name)
    assert program
    listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    for file in (program, *re.findall(r"(/\S+) \(", listed)):
        copy = root / file.lstrip("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
