HELPER = "of the tests"
