"""Names no settings: who runs it sets DJANGO_SETTINGS_MODULE."""

import sys

if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
