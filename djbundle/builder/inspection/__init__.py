"""Runs the project once, and reports what only a run can tell. The half that runs beside it starts in probe.py."""
