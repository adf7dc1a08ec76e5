"""The errors of a running bundle. Their exit codes are 40 to 59, and from 70 on."""

from djbundle.contract.exit_codes import EXIT_DAMAGED
from djbundle.errors.base import DjbundleError


class OptionError(DjbundleError):
    """An option of a command is unknown or has a wrong value. The exit code is argparse's."""

    exit_code = 2


class UnknownCommandError(DjbundleError):
    """The bundle has no such command."""

    exit_code = 40


class AddressError(DjbundleError):
    """The address to bind is malformed, in use or not permitted."""

    exit_code = 41


class DataDirectoryError(DjbundleError):
    """The data directory cannot be created or written."""

    exit_code = 42


class NetworkFileSystemError(DjbundleError):
    """A SQLite database lies on a network file system, where it can be corrupted."""

    exit_code = 43


class DataDirectoryBusyError(DjbundleError):
    """Another instance serves from the same data directory."""

    exit_code = 44


class SqliteTooOldError(DjbundleError):
    """This version of SQLite can corrupt a database."""

    exit_code = 45


class PendingMigrationsError(DjbundleError):
    """A database lacks migrations that ``serve`` does not apply by itself."""

    exit_code = 46


class MigrationError(DjbundleError):
    """A migration failed. The SQLite databases are as before."""

    exit_code = 47


class ServiceUnreachableError(DjbundleError):
    """A database, a cache or a store of uploads does not answer."""

    exit_code = 48


class ExtractError(DjbundleError):
    """``extract`` cannot write to its target."""

    exit_code = 49


class BundleUnreadableError(DjbundleError):
    """``verify`` cannot read the bundle's file."""

    exit_code = 50


class CertificateError(DjbundleError):
    """The given certificate or key cannot be used: missing, damaged, not a pair, or expired."""

    exit_code = 51


class TlsMissingError(DjbundleError):
    """This bundle was built without the packages for certificates or signatures."""

    exit_code = 52


class UnhealthyError(DjbundleError):
    """The new version starts, but does not answer."""

    exit_code = 53


class NotServingError(DjbundleError):
    """No ``serve`` process runs with this data directory."""

    exit_code = 54


class UpgradeError(DjbundleError):
    """The new version did not take over; the previous version continues."""

    exit_code = 55


class HandoverError(DjbundleError):
    """The running version hands over in a way that this version does not know."""

    exit_code = 56


class InstallError(DjbundleError):
    """No service can be installed on this machine."""

    exit_code = 57


class BelongsToTheProjectError(DjbundleError):
    """The command writes sources, or runs what a bundle does not contain."""

    exit_code = 58


class AccountError(DjbundleError):
    """``--user`` names no account, or one that may not use the data directory."""

    exit_code = 59


class BackupError(DjbundleError):
    """A backup cannot be written, or the site cannot be restored from the named file."""

    exit_code = 72


class HeldError(DjbundleError):
    """The data directory is a held copy, which runs no task."""

    exit_code = 73


class MoveError(DjbundleError):
    """The site cannot move to another database; it stays where it was."""

    exit_code = 70


class DamagedBundleError(DjbundleError):
    """A checksum does not match."""

    exit_code = EXIT_DAMAGED  # as in the launcher


class LifespanError(DjbundleError):
    """An ASGI site refuses to start, by the lifespan protocol."""

    exit_code = 71


class SchemaNewerError(DjbundleError):
    """The database has migrations that the version to go back to does not know."""

    exit_code = 74
