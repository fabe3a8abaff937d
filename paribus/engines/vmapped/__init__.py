"""Stacked training: replicates along a leading dimension, by `torch.func`."""
