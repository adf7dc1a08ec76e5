"""Tools that tests, benchmarks and the demo share: clients of a site, servers beside it, and waiting for both."""
