"""The place and the terms of the SBOM in a bundle. The builder writes it, and the bundle's own commands read it."""

SBOM = "_inventory/sbom.cdx.json"  # CycloneDX 1.6
TEXT = "djbundle:license-text"  # property: the name of a file in the tree with a licence text
HOLDS = "djbundle:holds"  # property: a name at the root of the tree that belongs to the component
LISTED = "djbundle:sha256-of-files"  # property: the SHA-256 of what sha256sum would print for the component's files
