"""What the builder, the C parts and the runtime of a bundle must agree on, beside the manifest."""
