"""Writes ``contract.h``, by which the C parts learn what `djbundle.contract` says, and the builder of their machine."""

from pathlib import Path

from djbundle.builder.machines.machine import Machine
from djbundle.contract import exit_codes, file_format, layout, variables

TEMPLATE = """\
/* Generated from djbundle/contract and djbundle/builder/machines. Change it there. */
#ifndef CONTRACT_H
#define CONTRACT_H

#include <stdint.h>

{strings}

#define NOT_KEPT UINT64_C({not_kept})
#define LARGEST_PAGE UINT64_C({largest_page})

{numbers}

#endif
"""
STRINGS = {
    "VIRTUAL_ROOT": layout.VIRTUAL_ROOT,
    "LIBRARIES": layout.LIBRARIES,
    "VFS": layout.VFS,
    "PROGRAM": layout.PROGRAM,
    "COPIES_FOLDER": layout.COPIES,
    "EXECUTABLE_VARIABLE": variables.EXECUTABLE,
    "EXTRACT_VARIABLE": variables.EXTRACT,
    "MAGIC": file_format.MAGIC.decode(),
}
NUMBERS = {
    "": {
        "FORMAT": file_format.FORMAT,
        "INDEX_SIZE": file_format.INDEX.size,
        "BLOCK_SIZE": file_format.BLOCK.size,
        "ENTRY_SIZE": file_format.ENTRY.size,
        "FOOTER_SIZE": file_format.FOOTER_SIZE,
    },
    "coding ": {name: getattr(file_format, name) for name in ("CODING_ZSTD", "CODING_NONE")},
    "kind ": {
        name: getattr(file_format, name) for name in ("KIND_FOLDER", "KIND_FILE", "KIND_EXECUTABLE", "KIND_LINK")
    },
    "exit_code ": {name: code for name, code in vars(exit_codes).items() if name.startswith("EXIT_")},
}


def contract_header(machine: Machine) -> str:
    """Return the text of ``contract.h`` for a machine."""
    texts = STRINGS | {"LOADER": machine.loader}
    strings = "\n".join(f'#define {name} "{text}"' for name, text in texts.items())
    numbers = "\n".join(
        f"enum {tag}{{ {', '.join(f'{name} = {number}' for name, number in group.items())} }};"
        for tag, group in NUMBERS.items()
    )
    return TEMPLATE.format(
        strings=strings, numbers=numbers, not_kept=file_format.NOT_KEPT, largest_page=machine.largest_page
    )


def write_contract_header(folder: Path, machine: Machine) -> None:
    """Write ``contract.h`` into a folder, from where the compiler includes it."""
    (folder / "contract.h").write_text(contract_header(machine))
