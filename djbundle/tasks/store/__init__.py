"""The task table: every statement that reads or changes it. Knows no worker."""
