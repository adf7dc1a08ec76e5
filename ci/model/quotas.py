"""The quotas that services publish, and the assumptions about machines. Each number names its source."""

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
SQS_BATCH = 10  # messages in a request to send, receive or delete
SQS_REQUEST_BYTES = 1 << 20  # of a message, and of all messages in a request: 1 MiB (256 KiB until 2025)
SQS_DELAY = 15 * 60  # seconds that a message may be delayed. A longer run_after needs a row
SQS_FIFO_MESSAGES = 3_000  # messages per second of a FIFO queue, in batches
SQS_FIFO_HIGH_MESSAGES = (
    700_000  # messages per second in the high throughput mode: 70,000 requests, in the best regions
)
# A standard queue takes "a very high, nearly unlimited number of API calls per second", so none is modelled.

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html
SQS_IN_FLIGHT = 120_000  # messages of a standard queue that are received and not deleted yet, about

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/throughput.html
SQS_LATENCY = 0.02  # seconds of a request, in the guide's example: a connection makes 50 requests per second

# Published prices of a standard queue in US East, March 2026: https://cloudburn.io/blog/amazon-sqs-pricing
SQS_PRICES = ((100e9, 0.40e-6), (100e9, 0.30e-6), (float("inf"), 0.24e-6))  # requests in a month, dollars for each
SQS_PRICED_BYTES = 64 << 10  # a request with more counts as several

# https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/benchmarks/
REDIS_THREADS = 1  # that run commands. Its guide measures about 100,000 simple commands per second without a pipeline
REDIS_COMMANDS = 100_000

# https://www.rabbitmq.com/docs/queues: "a single queue replica is limited to a single CPU core on its hot code path"
RABBITMQ_THREADS = 1

# https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html
DISK_BYTES = 1_000_000_000  # written per second to the log of a database: gp3 has up to 2,000 MiB/s, half is left free

# Assumed, not published: what one may buy, and how much of it to use.
DATABASE_CORES = 64
WORKER_CORES = 4  # of a machine with one worker: its loop, its receiver, and two processes for tasks
WORKER_PROCESSES = 2
SQS_CONNECTIONS = 16  # requests that a process has under way at once
MAX_BUSY = 0.7  # share of its time in which the busiest part may work, so that a burst drains
