"""Reference training loop and its parts."""
