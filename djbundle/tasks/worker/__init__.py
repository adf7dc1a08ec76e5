"""The worker: claims tasks, runs them in its processes, and writes their outcomes."""
