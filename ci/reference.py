"""The reference pages, written from the code.

    python -m ci.reference             writes docs/reference
    python -m ci.reference --check     exits with 1 if a page there differs from the code

Each meaning stands once, in the code: the help of an option, the docstring of an error, the help of a metric, or the
comment after a name. What has no meaning there is refused here.
"""

import argparse
import os
import sys
from pathlib import Path

import django

REPOSITORY = Path(__file__).parents[1]
FOLDER = REPOSITORY / "docs" / "reference"
HEAD = "<!-- Written by ci/reference.py from the code. Change the code, then run: python -m ci.reference -->\n\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="ci/reference.py", description="Write docs/reference from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a page differs")
    only_check = parser.parse_args().check
    different = {path: text for path, text in pages().items() if not path.exists() or path.read_text() != text}
    for path, text in different.items():
        print(f"{path.relative_to(REPOSITORY)}{' differs from the code' if only_check else ''}")
        if not only_check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    return 1 if only_check and different else 0


def pages() -> dict[Path, str]:
    """Return the text of each page by its file."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    from ci.pages import exit_codes, keys, metrics, options  # noqa: PLC0415 - they need Django's apps

    modules = {"options": options, "settings": keys, "metrics": metrics, "exit-codes": exit_codes}
    return {FOLDER / f"{name}.md": HEAD + "\n".join(module.page()).rstrip() + "\n" for name, module in modules.items()}


if __name__ == "__main__":
    sys.exit(main())
