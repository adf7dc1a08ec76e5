"""What a bundle does is compared with what Python does from the sources."""
