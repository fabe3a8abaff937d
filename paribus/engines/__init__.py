"""Engines that train many runs at once; each is tested against `paribus.training.loop`."""
