"""The log of a site, in one format: of the supervisor, web workers, the task worker, and the project's logging."""
