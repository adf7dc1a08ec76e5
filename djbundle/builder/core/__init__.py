"""The tools that every part of a build uses: the cache, the tree, the console, git, the sandbox."""
