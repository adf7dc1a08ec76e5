"""Code that the builder, the runtime and the tasks share."""
