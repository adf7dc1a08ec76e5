"""The inventory of a bundle: each component with its version, licence and files, as an SBOM in CycloneDX's format."""
