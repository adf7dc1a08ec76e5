"""The machines that bundles run on: what of a bundle depends on the processor. Nothing else in the builder names one.

The C part of each is in launcher/platform/<name>. To add one: a module here, a folder there.
"""

import platform

from djbundle.builder.machines import aarch64, x86_64
from djbundle.builder.machines.machine import Machine
from djbundle.errors import UnsupportedVersionError

SYSTEM = "linux-"  # before the name of a machine, in options
MACHINES = {each.name: each for each in (aarch64.MACHINE, x86_64.MACHINE)}


def machine_named(name: str) -> Machine:
    """Return the machine that ``uname -m`` gives this name. Raise UnsupportedVersionError for any other."""
    if name not in MACHINES:
        raise UnsupportedVersionError(
            f"there are no bundles for a machine of the kind {name}", f"build for one of: {', '.join(sorted(MACHINES))}"
        )
    return MACHINES[name]


def this_machine() -> Machine:
    """Return the machine that the build runs on."""
    return machine_named(platform.machine())
