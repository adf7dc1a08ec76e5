"""Add files to the tree: of the project, of packages, of the standard library, of djbundle itself."""
