"""The worker: claims tasks, runs them in its processes, and records how they end."""
