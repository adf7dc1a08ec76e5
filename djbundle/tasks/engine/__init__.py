"""Carries tasks to workers on many machines over a message broker.

The database stays the record: a row is written in the transaction of the request, and so is the outcome. The broker
only distributes the keys of rows that are due. A message that is lost is sent again, and one that arrives twice finds
nothing to claim.

    row --relay--> broker --receiver--> worker --claim--> row
"""
