"""The code that runs in each process of a worker."""
