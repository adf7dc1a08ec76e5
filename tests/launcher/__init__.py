"""The launcher and the virtual root on damaged and hostile bundles."""
