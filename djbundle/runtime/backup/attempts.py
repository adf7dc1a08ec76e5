"""The steps of a night: each is recorded, and a failure is told by the log and by a mail to ADMINS."""

import contextlib
from collections.abc import Iterator

from djbundle.errors import BackupError, DjbundleError
from djbundle.runtime.backup.outcomes import MESSAGES, Outcomes, Step
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.logs.lines import log


class Attempts:
    """The steps of one run. `exit_code` is that of the last failure, or 0."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self.exit_code = 0
        self.backup = ""  # the name of the backup, once it is known

    @contextlib.contextmanager
    def of(self, step: Step) -> Iterator[None]:
        """Try a step. The run goes on after a failure of it."""
        try:
            yield
        except (DjbundleError, OSError) as error:
            self._fail(step, error if isinstance(error, DjbundleError) else BackupError(str(error), "see the cause"))
        else:
            self._record(Outcomes.read(self._bundle.data).with_success(step, self.backup))

    def _fail(self, step: Step, error: DjbundleError) -> None:
        self.exit_code = error.exit_code
        text = f"{MESSAGES[step]}: {error.cause}; fix: {error.fix}"
        log(text, "error")
        self._record(Outcomes.read(self._bundle.data).with_failure(step, error.cause))
        tell_admins(f"{self._bundle.manifest.name}: {MESSAGES[step]}", text)

    def _record(self, outcomes: Outcomes) -> None:
        try:
            outcomes.write(self._bundle.data)
        except OSError as error:  # such as a full disk, of which the log tells already
            log(f"the outcome of the backup is not recorded: {error}", "error")


def tell_admins(subject: str, text: str) -> None:
    """Send a mail to ADMINS, if there are any. If the mail server is down, the log still has the failure."""
    from django.core.mail import mail_admins  # noqa: PLC0415 - needs the settings

    try:
        mail_admins(subject, text)
    except Exception as error:  # the mail backend may raise any
        log(f"the mail about the failure was not sent: {error}", "error")
