"""What the builder, the runtime and the tasks would each have to write for themselves."""
