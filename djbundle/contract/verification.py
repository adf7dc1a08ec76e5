"""Verify mode: a start of the bundle by ``djbundle verify``, which crawls the site in an empty environment.

The builder sets the variable VERIFY_MODE. The runtime then defines the settings, leaves the files in the data
directory, and gives the fields to the log line of each process that has died.
"""

ENGINES = "DJBUNDLE_ENGINES"  # the setting with the original engines of the databases
CACHES = "DJBUNDLE_CACHES"  # the setting with the original caches that are replaced
ABSENT_PROGRAMS = "absent-programs"  # the file with programs that could not be found, one per line
URL = "url"  # the file with the address of the site, written when it serves: "http://127.0.0.1:8000/"
DEAD_PROCESS = "dead_process"  # the field with the name of the process: "web"
DEATH_CAUSE = "death_cause"  # the field that says why: "was killed by SIGKILL while answering GET /"
DEATH_REQUESTS = "death_requests"  # the field with the requests that the process was answering, see request_names.py
