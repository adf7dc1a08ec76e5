"""What tests, benchmarks and the demo share: clients of a site, servers beside it, and how to wait for both."""
