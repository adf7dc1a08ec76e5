"""The errors of a build and of the other commands of developers. Their exit codes are 10 to 39."""

from djbundle.errors.base import DjbundleError


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
    """No bundle can be built on this machine: its system is not Linux with glibc, or its processor is unknown."""

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


VULNERABILITIES_FOUND = 39  # the exit code of ``djbundle audit`` if it knows a vulnerability; no error is raised
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
