"""``./shop doctor``: makes all checks and prints what they find, with the fix of each."""

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial

from djbundle.errors import DjbundleError, UnhealthyError
from djbundle.runtime.cli.doctor.data_files import check_data
from djbundle.runtime.cli.doctor.findings import Finding, Level, run_check
from djbundle.runtime.cli.doctor.machine import check_machine
from djbundle.runtime.cli.doctor.service import check_service
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.logs import formats, masking
from djbundle.runtime.logs.formats import PLAIN, printable
from djbundle.runtime.options.parser import parse_options

COLOURS = {**formats.COLOURS, Level.OK: "\033[32m"}


def add_doctor_options(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON: name, level, text and fix of each finding")


def run_doctor(bundle: Bundle, arguments: list[str]) -> int:
    """Print all findings. Raises UnhealthyError if one of them is an error, so that a program can tell."""
    options = parse_options(bundle.program, "doctor", arguments, add_doctor_options)
    masking.learn_environment()
    findings = [*examine(bundle)]
    if options.json:
        print(json.dumps([masked(each) for each in findings]))
    else:
        print("\n".join(describe(findings, colours=sys.stdout.isatty() and "NO_COLOR" not in os.environ)))
    errors = [each.name for each in findings if each.level is Level.ERROR]
    if errors:
        raise UnhealthyError(f"the site is not well: {', '.join(errors)}", "see the lines above")
    return 0


def examine(bundle: Bundle) -> Iterator[Finding]:
    yield from run_check("machine", partial(check_machine, bundle.data))
    yield from run_check("data", partial(check_data, bundle.data, bundle.manifest.name))
    yield from run_check("service", partial(check_service, bundle))
    yield from run_check("settings", partial(examine_site, bundle))


def examine_site(bundle: Bundle) -> Iterator[Finding]:
    """Load the site, and examine its settings, databases and tasks."""
    from djbundle.runtime.settings.rules import apply_overlay  # noqa: PLC0415 - what does not load is a finding

    try:
        apply_overlay(bundle, "doctor")
        import django  # noqa: PLC0415 - only after the overlay

        django.setup()
    except DjbundleError as error:
        yield Finding.error("settings", error.cause, error.fix)
        return
    from djbundle.runtime.cli.doctor.databases import check_databases  # noqa: PLC0415 - Django is set up
    from djbundle.runtime.cli.doctor.site_settings import check_settings  # noqa: PLC0415

    yield from run_check("settings", check_settings)
    yield from check_databases()


def describe(findings: Sequence[Finding], *, colours: bool) -> Iterator[str]:
    """Yield the lines for a person."""
    width = max(len(each.name) for each in findings)
    for each in findings:
        level, shown = f"{each.level:8}", masked(each)
        if colours:
            level = f"{COLOURS[each.level]}{level}{PLAIN}"
        yield f"{level} {each.name:{width}}  {shown['text']}"
        if each.fix:
            yield f"{'':8} {'':{width}}  fix: {shown['fix']}"


def masked(finding: Finding) -> dict[str, str]:
    """Return the fields of a finding, printable and without secrets."""
    return {name: printable(masking.mask(str(value))) for name, value in asdict(finding).items()}
