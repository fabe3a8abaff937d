"""Datasets: reading, splitting, perturbing, and predictors that learn nothing."""
