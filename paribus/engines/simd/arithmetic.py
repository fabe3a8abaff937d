"""C++ of elementwise operations; without torch, so that a library of them can be built before it is imported."""

from __future__ import annotations

from collections.abc import Mapping

METHODS = (
    *("abs", "erf", "exp", "expm1", "log", "log1p", "neg", "reciprocal"),
    *("rsqrt", "sqrt", "tanh"),
)
# Computed lane by lane: their vector versions depend on the largest of all lanes.
FUNCTIONS = ("cos", "sin")
SIGNS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "bitwise_and": "&",
    "bitwise_or": "|",
    "gt": ">",
    "ge": ">=",
    "lt": "<",
    "le": "<=",
    "eq": "==",
    "ne": "!=",
}
FUSED = "multiply and add"
EXPRESSIONS: Mapping[str, str] = {
    **{name: f"a.{name}()" for name in METHODS},
    **{name: f"a.map([](T x) -> T {{ return std::{name}(x); }})" for name in FUNCTIONS},
    **{name: f"a {sign} b" for name, sign in SIGNS.items()},
    "sign": (
        "chosen(a > Vec(T(0)), Vec(T(1)), Vec(T(0))) - chosen(a < Vec(T(0)), Vec(T(1)), Vec(T(0)))"
    ),
    "bitwise_not": "chosen(a, truth(false), truth(true))",
    "maximum": "at::vec::maximum(a, b)",
    "minimum": "at::vec::minimum(a, b)",
    "pow": "a.pow(b)",
    "where": "chosen(a, b, c)",
    "clone": "a",
    FUSED: "at::vec::fmadd(a, b, c)",
}
"""By the names of torch's primitive operations, of up to three vectors; the number of an operation is its place."""
CASES = " ".join(f"CASE({i}, ({text}))" for i, text in enumerate(EXPRESSIONS.values()))
