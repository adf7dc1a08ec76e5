"""The places of things in the tree of a bundle. The C parts get these names as a generated header."""

VIRTUAL_ROOT = "/djb"  # the path at which the running program sees the tree; it is on no disk
LIBRARIES = "_lib"  # the folder of shared libraries
VFS = "vfs.so"  # the library that shows the tree to the program; it is preloaded
PROGRAM = "_main"  # the program that the launcher starts
PROGRAMS = "_bin"  # the folder of programs that packages bring, as the `bin` of a virtual environment
COPIES = "materialized"  # in the data directory: copies of files of the tree, for programs that do not see it
BACKUPS = "backups"  # in the data directory
SERVE_LOCK = "serve.lock"  # a file in each data directory in which `serve` has run
