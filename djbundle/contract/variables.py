"""The environment variables by which users, the builder, the C parts and the runtime tell each other something.

The C parts get those that they need as a generated header.
"""

DATA_DIRECTORY = "DJBUNDLE_DATA_DIR"  # the data directory, where --data-dir names none
DATA_DIRECTORY_OF = f"{DATA_DIRECTORY}_OF_"  # and a bundle's name: its data directory, for its child processes
ALLOWED_HOSTS = "DJBUNDLE_ALLOWED_HOSTS"  # names for ALLOWED_HOSTS, with commas between them
PRELOAD = "DJBUNDLE_PRELOAD"  # whether the site is loaded once, where --preload does not tell
EXTRACT = "DJBUNDLE_EXTRACT"  # the same as --extract
EXECUTABLE = "DJBUNDLE_EXECUTABLE"  # set by an unpacked tree: the file of the bundle
VERIFY_MODE = "DJBUNDLE_TRIAL"  # set by `verify`: this start is in verify mode
COPY_MODE = "DJBUNDLE_COPY"  # set by `at`: this start has the data of a backup, "read-only" or "writable"
LISTED_FOLDER = "DJBUNDLE_LISTED_FOLDER"  # set by a bundle, for child processes: where lists show the project
RELEASE = "DJBUNDLE_RELEASE"  # set by a bundle: its version, for workers
SETTINGS_MODULE = "DJANGO_SETTINGS_MODULE"
BROKER_URL = "TASKS_URL"  # of the broker that carries tasks between machines
STORED = "DJBUNDLE_STORED"  # set by a bundle: a data directory, and the names of variables that came from its file
