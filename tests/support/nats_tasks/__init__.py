"""An app with a backend of ``django.tasks`` on NATS, and its worker: an example of a backend that can be an engine."""
