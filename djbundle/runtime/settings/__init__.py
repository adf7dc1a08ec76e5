"""The settings overlay: rules that change what cannot work in a bundle."""
