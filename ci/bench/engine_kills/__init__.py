"""The parts of `ci/bench/run kills`."""
