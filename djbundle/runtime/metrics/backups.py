"""The metrics of backups: how old the newest one is, and when one was last proved."""

from djbundle.runtime.backup.outcomes import Outcomes, Step
from djbundle.runtime.backup.retention import last_backup
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.hold import Hold
from djbundle.runtime.metrics.families import Family, Sample


def backups(bundle: Bundle) -> list[Family]:
    last = last_backup(bundle.data, bundle.manifest.name)
    outcomes = Outcomes.read(bundle.data)
    proved_at = outcomes.of(Step.PROOF).worked_at
    failing = [Sample(float(outcomes.of(step).is_failing), {"step": step}) for step in Step if step in outcomes.steps]
    is_held = Hold.read(bundle.data) is not None
    return [
        Family(
            "djbundle_backup_timestamp_seconds",
            "gauge",
            "When the newest backup in the data directory was made.",
            [Sample(last.timestamp())] if last else [],
        ),
        Family(
            "djbundle_backup_proof_timestamp_seconds",
            "gauge",
            "When a backup was last restored beside the site, and answered a request.",
            [Sample(proved_at)] if proved_at else [],
        ),
        Family(
            "djbundle_backup_failing",
            "gauge",
            "1 if the last attempt of the step failed: backup, copy or proof.",
            failing,
        ),
        Family("djbundle_held", "gauge", "1 for a copy that sends no mail and runs no task.", [Sample(is_held)]),
    ]
