"""What runs in each process of a worker."""
