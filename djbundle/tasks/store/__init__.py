"""The task table: every statement that reads or changes it. Nothing here depends on a worker."""
