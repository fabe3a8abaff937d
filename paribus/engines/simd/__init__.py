"""SIMD engine: whole training steps in C++, with one replicate in each SIMD lane.

A recorded step of a single replicate is lowered to loops in which every number is a vector, one entry a replicate, so
that even the smallest matrices use whole vectors. Weights and state stay in a core's cache from step to step.
`trace_step` records a step as few primitive operations, `operations` translates each to C++, `lowering` arranges them
in loops and memory, `codegen` writes and calls the library, and `trainer` decides whether to use it.
"""
