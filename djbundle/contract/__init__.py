"""The contract between the builder, the C parts and the runtime of a bundle, beside the manifest."""
