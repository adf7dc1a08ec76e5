"""Run the project once, and report what only a run can tell. The child process starts in probe.py."""
