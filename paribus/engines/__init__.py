"""Engines that train many runs at once."""
