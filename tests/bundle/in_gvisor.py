"""Serves a bundle, and prints what it answers. It is run in a sandbox, by test_gvisor.py: FILE FOLDER."""

import json
import os
import sys
from pathlib import Path

from tests.support.customer import Customer
from tests.support.site import Site
from tests.support.waiting import wait_until


def main() -> None:
    bundle, folder = map(Path, sys.argv[1:])
    with Site(bundle, folder / "data", {"HOME": "/"}, "--workers", "2") as site:
        customer = Customer(site.url)
        wait_until(lambda: customer.get("/up").status == 200, "the site is ready")  # its worker too
        site.shell("from notes.tasks import write_note; write_note.enqueue('by a worker')")
        wait_until(
            lambda: site.shell("from notes.models import Note; print(Note.objects.count())") == "1", "a task ran"
        )
        status = site.status()
        facts = {
            "kernel": os.uname().version,
            "roles": sorted(each["role"] for each in status["processes"]),
            "memory": min(each["memory"] for each in status["processes"]),
        }
        site.run("upgrade", str(bundle))
        facts["page"] = customer.get("/").status
    print(json.dumps(facts | {"log": site.log.read_text()}))


if __name__ == "__main__":
    main()
