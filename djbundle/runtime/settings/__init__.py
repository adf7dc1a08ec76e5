"""The settings overlay: rules that change settings which cannot work in a bundle."""
