"""The exit codes of the launcher, which the C parts get as a generated header. Those of Python are in errors/."""

EXIT_TRUNCATED = 60  # no footer, or the file is shorter than its footer says
EXIT_DAMAGED = 61  # a checksum does not match
EXIT_NO_FOLDER = 62  # no folder to unpack to, where the bundle must be unpacked
EXIT_WRITE = 63  # disk full, or another error while unpacking
EXIT_NO_PROC = 64  # /proc is not mounted
EXIT_START = 65  # the kernel refuses memory, or to start the program
