"""Carries messages over Amazon SQS: a transport for kombu, made for long polling.

kombu's own transport polls one queue after the other, waits between polls, and deletes messages one by one. Here each
queue has a thread that polls it, and messages come and are deleted in batches of ten.

    publish --> client --> SQS --> poller of each queue --> transport --> consumer
"""
