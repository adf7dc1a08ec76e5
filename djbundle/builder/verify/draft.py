"""A draft of the bundle, which is checked before the slow steps: so a mistake is reported within the first minute.

It has all that the bundle has, hardly compressed, and the project as bytecode. Django's checks run in it as in the
bundle. A build whose remaining steps are short goes without: its own bundle is soon there.
"""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from djbundle.builder.archive import write
from djbundle.builder.archive.blocks import DRAFT_LEVEL, RawBlock, is_cached
from djbundle.builder.archive.pack import pack_tree
from djbundle.builder.contents.bytecode import Source, add_bytecode
from djbundle.builder.contents.project_facts import project_facts
from djbundle.builder.contents.runtime import add_facts
from djbundle.builder.core.cache import Cache
from djbundle.builder.core.tree import Tree
from djbundle.builder.dependencies.modules import Modules
from djbundle.builder.native.nuitka import Compilation
from djbundle.builder.verify import verification
from djbundle.builder.verify.comparison import Comparison
from djbundle.builder.verify.crawl_record import CrawlRecord

SLOW_BYTES = 32_000_000  # to compress: about ten seconds of one core
SLOW_MODULES = 50  # to compile


@dataclass(frozen=True, slots=True)
class Draft:
    """The parts of a draft; `modules` are those that will be compiled."""

    tree: Tree
    start: list[str]
    launcher: Path
    modules: Modules
    comparison: Comparison

    def check(self, cache: Cache) -> CrawlRecord:
        """Write the draft to a temporary folder, and run Django's checks in it."""
        with tempfile.TemporaryDirectory(prefix="djbundle-draft-") as name:
            folder = Path(name)
            tree = self.tree.copy(folder)
            add_bytecode(tree, [Source(path, str(name)) for name, path in self.modules.items()], cache, "project")
            add_facts(tree, project_facts(self.comparison.project, tree, {}), cache, folder)
            blocks = Cache(folder / "blocks", digests=cache.digests)
            archive = pack_tree(tree, self.start, blocks, lambda _share: None, DRAFT_LEVEL)
            bundle = folder / "draft"
            write.write_bundle(bundle, self.launcher, archive, built=0)
            return verification.check(bundle, self.comparison)


def is_worthwhile(blocks: Iterable[RawBlock], compilation: Compilation, cache: Cache) -> bool:
    """Return whether the remaining steps take long."""
    to_compress = sum(block.size for block in blocks if not is_cached(block, cache))
    return to_compress > SLOW_BYTES or (compilation.count > SLOW_MODULES and not compilation.was_cached)
