"""Invented costs: round numbers, so that a reader can compute what must come out."""

from dataclasses import replace

from ci.model.costs import BrokerCosts, Cost, Costs, Share

MESSAGE = Cost(Share(50e-6), Share(10e-6), Share(100e-6))
REQUEST = Cost(Share(1e-3), Share(), Share(20e-3))
BROKER = BrokerCosts(MESSAGE, MESSAGE, MESSAGE, MESSAGE, MESSAGE)
SQS = BrokerCosts(REQUEST, REQUEST, REQUEST, REQUEST, REQUEST)
STATEMENT = Cost(Share(200e-6, 5e-6), Share(100e-6, 10e-6), Share(500e-6), written=500)
COSTS = Costs(
    enqueue=Cost(Share(300e-6), Share(200e-6), Share(500e-6), written=500),
    count_sent=Cost(Share(200e-6), Share(100e-6, 1e-7), Share(100e-6)),
    mark_sent=STATEMENT,
    claim=STATEMENT,
    finish=STATEMENT,
    hand_out=Cost(Share(0.0, 5e-6)),
    run=Cost(Share(0.0, 30e-6)),
    brokers={"redis": BROKER, "rabbitmq": BROKER, "sqs": SQS},
)


def with_task(seconds: float) -> Costs:
    """Return costs with a run of so many seconds."""
    return replace(COSTS, run=Cost(Share(0.0, seconds)))
