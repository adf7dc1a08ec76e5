"""Starts a bundle in a sandbox, crawls it, and compares what fails with the project itself."""
