"""A site in a container that has nothing but its bundle."""

from ci.site import Site
from tests.podman import VARIABLE, write_configuration


class ContainedSite(Site):
    """``serve`` runs in the container, on the host's network; other commands beside it, on the same data."""

    mounts: tuple[str, ...] = ()

    def command(self) -> list[str]:
        folder = self.data.parent
        root = folder / "root"
        root.mkdir(exist_ok=True)
        run = ["podman", "run", "--rm", "--network=host", f"--volume={self.bundle}:/{self.bundle.name}:ro"]
        folders = [f"--volume={path}:{path}" for path in (self.data, *self.mounts)]
        variables = [f"--env={name}={value}" for name, value in self.environment.items()]
        _, *words = super().command()
        configuration = f"{VARIABLE}={write_configuration(folder)}"
        return ["env", configuration, *run, *folders, *variables, "--rootfs", str(root), f"/{self.bundle.name}", *words]
