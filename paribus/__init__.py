"""Controlled comparisons of training choices in PyTorch: one factor varies, all else is equal."""
