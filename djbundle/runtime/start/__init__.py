"""The first Python that runs in a bundle. It makes the modules of the bundle importable, then runs the command."""
