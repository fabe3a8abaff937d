"""Engines that train runs: the readable loop."""
