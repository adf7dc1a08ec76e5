"""The promises of a task backend, as a program that anybody runs on their engine.

    python -m djbundle.tasks.conformance --settings shop.settings

Each promise is a function in ``promises/``. It enqueues tasks of jobs.py with the backend under test, has real workers
run them, and looks at what they did. Any backend of ``django.tasks`` can be tested. The database should be one for
tests: the workers also run what else waits there.
"""
