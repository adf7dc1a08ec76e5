"""The system that is simulated: how many of each part it has, and what a task costs in it."""

from dataclasses import dataclass
from enum import StrEnum

from ci.model import quotas


class Mode(StrEnum):
    """The place where a task is kept."""

    ROW = "row"  # in the database; a message carries up to 100 keys
    DIRECT = "direct"  # in the broker; a message carries the task


@dataclass(frozen=True)
class System:
    """One database or one queue, and what belongs to it. A large system has many, which share nothing."""

    mode: Mode
    broker: str  # "redis", "rabbitmq" or "sqs"
    queues: int = 1  # of the broker; each queue of Redis has a server of its own
    relays: int = 1  # row mode only
    workers: int = 1
    processes: int = quotas.WORKER_PROCESSES  # of a worker
    task_seconds: float = 0.0  # CPU that a task itself uses
    database_cores: int = quotas.DATABASE_CORES
    worker_cores: int = quotas.WORKER_CORES
    shared_cores: int = 0  # if not 0, all parts share one machine with so many

    @property
    def batch(self) -> int:
        """The number of messages that a request to the broker carries."""
        return quotas.SQS_BATCH if self.broker == "sqs" else 1

    @property
    def connections(self) -> int:
        """The number of requests that a process has under way at once."""
        return quotas.SQS_CONNECTIONS if self.broker == "sqs" else 1

    @property
    def broker_threads(self) -> int:
        """The number of cores that the queues can use. What SQS uses is not modelled."""
        return self.queues * {"redis": quotas.REDIS_THREADS, "rabbitmq": quotas.RABBITMQ_THREADS}.get(self.broker, 1)
