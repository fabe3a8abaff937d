"""SIMD engine: many training steps in one call, with one replicate in each SIMD lane.

A recorded step of a single replicate is lowered to instructions on vectors, one entry a replicate, so that even the
smallest matrices use whole vectors. Weights and state stay in a core's cache from step to step. One library runs the
instructions of every network: it is built once for a machine, and no network waits for a compiler.
`trace_step` records a step as few primitive operations, `lowering` arranges them in memory and in instructions, which
`program` writes down and `interpreter.hpp` carries out by the elementwise `operations`; `steps` makes and calls a
cohort's program, and `trainer` holds it against plain steps before it is used.
"""
