"""The processes of a site that serves, found by their names."""

import psutil

from ci.site import Site
from tests.waiting import wait_until


def tree_of(site: Site) -> list[psutil.Process]:
    """The supervisor and all below it."""
    top = psutil.Process(site.process.pid)
    return [top, *top.children(recursive=True)]


def child(site: Site, role: str) -> psutil.Process:
    """The supervisor's child called "NAME role", once it is there."""
    name = f"{site.bundle.name} {role}"
    top = psutil.Process(site.process.pid)
    found = wait_until(lambda: [each for each in top.children() if each.name() == name], f"a process {name}")
    assert len(found) == 1
    return found[0]


def all_gone(processes: list[psutil.Process]) -> bool:
    return not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in processes)
