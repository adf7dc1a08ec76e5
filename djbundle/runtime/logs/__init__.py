"""What a site tells, in one form: its supervisor, its web processes, its worker, and the logging of the project."""
