"""The text that a bundle prints when it is started without a command."""

from djbundle.runtime.core.bundle import Bundle

TEMPLATE = """\
{name} {version}: a Django site in one file, with its web server, database and background worker.

  {program} serve             migrate the database and serve at http://127.0.0.1:8000
  {program} createsuperuser   make an account for the admin
  {program} check             look for mistakes in the configuration
  {program} config            settings that differ from the project's, and why
  {program} status            the processes of a site that serves
  {program} doctor            what is wrong with machine, data, settings, and how to mend it
  {program} upgrade NEW       put a new version in place of the one that serves
  {program} help              all commands

Data lies in {data}  (--data-dir DIR changes that).
"""


def usage_text(bundle: Bundle) -> str:
    manifest = bundle.manifest
    return TEMPLATE.format(
        name=manifest.name, version=manifest.version, program=bundle.program, data=bundle.data
    ).rstrip()
