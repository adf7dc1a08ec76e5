"""Which of Django's own tests of its tasks fail with our backends in place of Django's, and why. All others pass."""

KEEPS = "Our backend that runs tasks at once keeps their results, where Django's has none to get."
DEFERS = "Our backend that runs tasks at once supports run_after, where Django's does not."
ROWS = "The test changes a result in the list of Django's backend; ours reads it from the database each time."

DIFFERENCES = {
    "DummyBackendTestCase.test_refresh_result": ROWS,
    "DummyBackendTestCase.test_refresh_result_async": ROWS,
    "ImmediateBackendTestCase.test_cannot_get_result": KEEPS,
    "ImmediateBackendTestCase.test_cannot_refresh_result": KEEPS,
    "ImmediateBackendTestCase.test_cannot_pass_run_after": DEFERS,
}
