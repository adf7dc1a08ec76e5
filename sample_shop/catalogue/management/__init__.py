"""The catalogue on the command line and in templates."""
