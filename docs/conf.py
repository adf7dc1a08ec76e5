"""The site of the documents, for Sphinx. The folder of its sources is the repository: see ci/docs."""

from sphinx.application import Sphinx

project = "djbundle"
extensions = ["myst_parser"]
root_doc = "README"  # the front page
include_patterns = ["*.md", "docs/**.md"]
exclude_patterns = [".*", "build", "ci", "dist", "djbundle", "sample_shop", "site", "templates", "tests"]
highlight_language = "text"  # of blocks that name none
myst_heading_anchors = 4  # as GitHub makes them
html_theme = "furo"
html_title = "djbundle"
html_copy_source = False
html_use_index = False
smartquotes = False  # -- begins an option

NAVIGATION = {
    "Tutorial": ["docs/tutorial"],
    "How-to guides": [
        "docs/projects",
        "docs/python-tests",
        "docs/commands",
        "docs/inventory",
        "docs/settings",
        "docs/serve",
        "docs/http",
        "docs/tls",
        "docs/tasks",
        "docs/conformance",
        "docs/scale",
    ],
    "Reference": [f"docs/reference/{name}" for name in ("options", "settings", "metrics", "exit-codes")],
    "Explanation": ["ARCHITECTURE", "docs/benchmarks", "docs/capacity", "SECURITY"],
    "Project": ["CHANGELOG", "CONTRIBUTING"],
}


def add_navigation(_app: Sphinx, name: str, source: list[str]) -> None:
    """Add the navigation to the front page. The file itself has none, since a repository's browser would show it."""
    if name == root_doc:
        for caption, documents in NAVIGATION.items():
            entries = "\n".join(documents)
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```\n"


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_navigation)
