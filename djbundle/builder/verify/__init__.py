"""Start a bundle in a sandbox, crawl it, and compare its failures with the project itself."""
