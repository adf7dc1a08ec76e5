"""Files, processes, time and the machine."""
