"""The command line of a bundle: its start, and one file for each command of djbundle's own."""
