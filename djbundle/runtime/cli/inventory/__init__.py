"""The commands that tell what is in a bundle, from the SBOM that the build has written."""
