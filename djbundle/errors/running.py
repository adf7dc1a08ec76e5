"""The errors of djbundle, one class for each cause.

Each error has one line of cause and one line of fix for the user. Each class has its own exit code, so that a script
can distinguish them without reading English. Codes 10-39 belong to the build, 40-59 to a running bundle, 60-69 to the
launcher (see contract/exit_codes.py).
"""

from typing import ClassVar

from djbundle.contract.exit_codes import EXIT_DAMAGED


class DjbundleError(Exception):
    """A mistake or an obstacle that the user can fix; shown without a traceback."""

    exit_code: ClassVar[int] = 1

    def __init__(self, cause: str, fix: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.fix = fix

    def __str__(self) -> str:
        return f"error: {self.cause}\n  fix: {self.fix}"


# --- the build ------------------------------------------------------------------------------------


class ProjectNotFoundError(DjbundleError):
    """The named folder does not exist, or has no ``manage.py``."""

    exit_code = 10


class AmbiguousSettingsError(DjbundleError):
    """There are several settings modules, and none of them is named."""

    exit_code = 11


class SettingsError(DjbundleError):
    """The settings module raises an exception when it is imported, or does not exist."""

    exit_code = 12


class MissingVariableError(DjbundleError):
    """The settings need a variable of the environment that is not set."""

    exit_code = 13


class ProjectSyntaxError(DjbundleError):
    """A module of the project is not valid Python."""

    exit_code = 14


class AppNotInstalledError(DjbundleError):
    """The project's environment lacks a package that the project imports."""

    exit_code = 15


class ProjectImportError(DjbundleError):
    """A module of the project or its URLconf fails to import, or a system check raises an exception."""

    exit_code = 16


class StaticFilesError(DjbundleError):
    """The static files of the project cannot be collected."""

    exit_code = 17


class ToolMissingError(DjbundleError):
    """The build machine lacks the C compiler or another program."""

    exit_code = 18


class UnsupportedVersionError(DjbundleError):
    """This version of Python, of Django or of another package is not supported."""

    exit_code = 19


class TranslationError(DjbundleError):
    """A translation of the project, a ``.po`` file, cannot be compiled."""

    exit_code = 37


class TargetError(DjbundleError):
    """There is no Python, or no package, for the machine that the bundle is for."""

    exit_code = 38


class UnsupportedMachineError(DjbundleError):
    """No bundle can be built on this machine, as its system is not Linux with glibc."""

    exit_code = 36


class OutputError(DjbundleError):
    """The bundle cannot be written where ``--output`` says, or the file to verify does not exist."""

    exit_code = 20


class DiskFullError(DjbundleError):
    """The disk is full."""

    exit_code = 21


class ConfigurationError(DjbundleError):
    """An unknown key or a wrong type in [tool.djbundle]."""

    exit_code = 22


class CompileError(DjbundleError):
    """The project cannot be compiled to C."""

    exit_code = 23


class LibraryError(DjbundleError):
    """A shared library that an ELF file needs was not found."""

    exit_code = 24


class LargeFileError(DjbundleError):
    """A file is too large for the format of the bundle."""

    exit_code = 25


PROBLEMS_FOUND = 26  # the exit code of ``djbundle check`` if something would fail in a bundle; no error is raised


class EnvironmentNotFoundError(DjbundleError):
    """``--python`` does not name an environment of a Django project."""

    exit_code = 30


class PythonMismatchError(DjbundleError):
    """The project's Python is not the version that djbundle runs on."""

    exit_code = 31


class AmbiguousProjectError(DjbundleError):
    """The folder contains several projects."""

    exit_code = 32


class VerificationError(DjbundleError):
    """The bundle failed its verification."""

    exit_code = 29


class BeforeError(DjbundleError):
    """A command of ``before`` failed."""

    exit_code = 33


class GitError(DjbundleError):
    """git is installed, but refuses to list the project's files."""

    exit_code = 34


class ChangedFileError(DjbundleError):
    """A file has changed while the build was reading it."""

    exit_code = 35


class NotInTheBundleError(DjbundleError):
    """``djbundle why`` was asked about a distribution that would not be in the bundle."""

    exit_code = 27


class FileExistsAlreadyError(DjbundleError):
    """``djbundle init`` would overwrite a file."""

    exit_code = 28


# --- a running bundle -----------------------------------------------------------------------------


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
    """A backup cannot be written, or a file is none that this site can be restored from."""

    exit_code = 72


class MoveError(DjbundleError):
    """The site cannot move to another database; it stays where it was."""

    exit_code = 70


class DamagedBundleError(DjbundleError):
    """A checksum does not match."""

    exit_code = EXIT_DAMAGED  # as in the launcher


class LifespanError(DjbundleError):
    """An ASGI site refuses to start, by the lifespan protocol."""

    exit_code = 71
