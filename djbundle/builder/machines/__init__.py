"""The processors that bundles run on, and all of a bundle that depends on the processor.

No other module of the builder names a processor. The C part of each is in launcher/platform/<name>. To add a processor,
add a module here and a folder there.
"""

import platform

from djbundle.builder.machines import aarch64, x86_64
from djbundle.builder.machines.machine import Machine
from djbundle.errors import UnsupportedMachineError

SYSTEM = "linux-"  # before the name of a machine, in options
MACHINES = {each.name: each for each in (aarch64.MACHINE, x86_64.MACHINE)}


def machine_named(name: str) -> Machine:
    """Return the machine that ``uname -m`` gives this name. Raise UnsupportedMachineError for any other."""
    if name not in MACHINES:
        names = " and ".join(sorted(MACHINES))
        raise UnsupportedMachineError(f"{name} is not supported: there are bundles for {names}", "choose one of these")
    return MACHINES[name]


def this_machine() -> Machine:
    """Return the machine that the build runs on."""
    return machine_named(platform.machine())
