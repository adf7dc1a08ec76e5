"""Puts its own folder first on sys.path, and imports the module of its own name that lies there."""

import importlib
import sys
from pathlib import Path

if hasattr(sys, "finding_is_loading"):
    raise ImportError("recursion is detected")
sys.finding_is_loading = True
WHAT = "the package"
sys.path.insert(0, str(Path(__file__).parent))
package = sys.modules.pop("finding")
inner = importlib.import_module("finding")
sys.modules["finding"] = package
sys.path.remove(str(Path(__file__).parent))
del sys.finding_is_loading
