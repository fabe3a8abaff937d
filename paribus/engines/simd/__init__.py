"""Whole steps as C++, in which the lanes of vector registers are replicates: as fast for one width as for any.

A recorded step of a single replicate is lowered to loops whose every number is a vector, one entry a replicate. What
the replicates hold stays in a core's cache from step to step, and no matrix is too small to be worth a product.
`record` makes a step's operations few and plain, `operations` says what each of them is in C++, `lower` puts them in
loops and memory, `kernel` writes and calls the whole.
"""
