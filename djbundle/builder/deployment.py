"""``djbundle init --for``: the files by which a project is deployed to several machines.

They hold no secret. A script among them makes the passwords, and writes them to a file of their own.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from textwrap import indent

from djbundle.builder.generated_file import GeneratedFile
from djbundle.common.templates import render

FOLDER = PurePath("deploy")
GRACE, SHUTDOWN_DELAY, MARGIN = 30, 10, 15  # seconds in which a process under systemd stops
ROLES = {  # those that need djbundle.tasks
    "worker": "Runs tasks. Any number of them may run.",
    "scheduler": "Enqueues the ticks of schedules. A second one does no harm: each tick is enqueued once.",
}
LOCAL_SERVICES = " postgresql.service valkey.service valkey-server.service"  # as Fedora and Debian call them
WRITTEN_VARIABLES = frozenset(("SECRET_KEY", "DATABASE_URL", "CACHE_URL", "TASKS_URL", "DJBUNDLE_ALLOWED_HOSTS"))


class Kind(StrEnum):
    """The program that starts the site on its machines."""

    COMPOSE = "compose"
    KUBERNETES = "kubernetes"
    NOMAD = "nomad"
    SYSTEMD = "systemd"


@dataclass(frozen=True, slots=True)
class Site:
    """The facts of a project that its deployment files contain."""

    name: str  # of the bundle's file
    has_tasks: bool
    needed: tuple[str, ...] = ()  # variables without which the settings do not import

    @property
    def label(self) -> str:
        """Return the name as Kubernetes takes it, of letters, digits and hyphens: RFC 1123."""
        return re.sub(r"[^a-z0-9]+", "-", self.name).strip("-") or "site"

    @property
    def roles(self) -> dict[str, str]:
        """Return the roles beside web, and what each does."""
        return ROLES if self.has_tasks else {}

    def render(self, template: str, **values: object) -> str:
        return render(f"deploy/{template}", **{"name": self.name, "label": self.label} | values)


def deployment_files(site: Site, kinds: Iterable[Kind]) -> Iterator[GeneratedFile]:
    """Yield the files for each kind, and what all kinds need. Yield nothing if there is no kind."""
    kinds = list(dict.fromkeys(kinds))
    if kinds:
        yield GeneratedFile(FOLDER / ".gitignore", site.render("gitignore"), may_stay=True)
        yield GeneratedFile(FOLDER / "variables.sh", _variables(site), may_stay=True)
    writers = {Kind.COMPOSE: _compose, Kind.KUBERNETES: _kubernetes, Kind.NOMAD: _nomad, Kind.SYSTEMD: _systemd}
    for kind in kinds:
        for path, text in writers[kind](site):
            yield GeneratedFile(FOLDER / path, text)


def scaled_object(site: Site) -> GeneratedFile:
    """Return what scales the Deployment of the worker."""
    return GeneratedFile(FOLDER / "scaledobject.yaml", render("scaledobject.yaml", name=site.label))


def _variables(site: Site) -> str:
    broker = "TASKS_URL=redis://:$valkey@$cache/0\n" if site.has_tasks else ""
    own = "".join(f"{name}=\n" for name in site.needed if name not in WRITTEN_VARIABLES)
    comment = "# The settings need these too: fill them in.\n" if own else ""
    return site.render("variables.sh", variables=f"{broker}{comment}{own}")


def _compose(site: Site) -> Iterator[tuple[str, str]]:
    tasks = site.render("compose/tasks.yaml") if site.has_tasks else ""
    valkey = site.render("valkey.sh").replace("$", "$$")  # compose fills in variables too
    yield "compose.yaml", site.render("compose/compose.yaml", tasks=tasks, valkey=indent(valkey, " " * 8).rstrip())


def _kubernetes(site: Site) -> Iterator[tuple[str, str]]:
    prefix = site.label.upper().replace("-", "_")
    pod = site.render("kubernetes/pod.yaml", prefix=prefix)
    yield "kubernetes/web.yaml", site.render("kubernetes/web.yaml", pod=pod)
    for role, about in site.roles.items():
        scaled = "  # without this line, KEDA decides: djbundle init --keda" if role == "worker" else ""
        values = {"role": role, "about": about, "replicas": scaled, "pod": pod}
        yield f"kubernetes/{role}.yaml", site.render("kubernetes/role.yaml", **values)
    yield "kubernetes/postgres.yaml", site.render("kubernetes/postgres.yaml")
    variables = "CACHE_URL and TASKS_URL" if site.has_tasks else "CACHE_URL"
    valkey = indent(site.render("valkey.sh"), " " * 14).rstrip()
    yield "kubernetes/valkey.yaml", site.render("kubernetes/valkey.yaml", valkey=valkey, variables=variables)


def _nomad(site: Site) -> Iterator[tuple[str, str]]:
    parts = {"task": site.render("nomad/task.hcl"), "confined": site.render("nomad/confined.hcl")}
    roles = (site.render("nomad/role.hcl", role=role, about=about, **parts) for role, about in site.roles.items())
    yield f"{site.label}.nomad.hcl", site.render("nomad/job.hcl", roles="".join(roles), **parts)


def _systemd(site: Site) -> Iterator[tuple[str, str]]:
    web = f"--roles web --bind 0.0.0.0:8000 --trusted-proxies private --shutdown-delay {SHUTDOWN_DELAY}"
    yield f"systemd/{site.name}-web.service", _unit(site, "web", web, SHUTDOWN_DELAY)
    for role in site.roles:
        yield f"systemd/{site.name}-{role}.service", _unit(site, role, f"--roles {role}", 0)


def _unit(site: Site, role: str, options: str, delay: int) -> str:
    """Return the unit of one role, with the rights of the unit that ``install`` writes."""
    unit = f"{site.name}-{role}"
    return render(
        "site.service",
        name=site.name,
        unit=unit,
        writer="djbundle init --for systemd",
        comment=site.render("systemd/comment", unit=unit),
        services=LOCAL_SERVICES,
        optional="",
        requires="",
        command=f"/opt/{site.name}/{site.name} serve {options} --grace {GRACE}",
        stop=delay + GRACE + MARGIN,
    )
