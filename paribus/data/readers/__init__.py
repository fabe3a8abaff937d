"""Readers of a user's own data, ``(path, target=None) -> Dataset``: a table, a folder of images, a series."""
