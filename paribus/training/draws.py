"""Functions of torch that draw random numbers, by name."""

from __future__ import annotations

_FILLING = """
bernoulli_ cauchy_ exponential_ geometric_ log_normal_ normal_ random_ uniform_ trunc_normal_
xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ orthogonal_ sparse_
"""
_RETURNING = """
rand randn randint randperm rand_like randn_like randint_like normal bernoulli multinomial poisson
binomial _standard_gamma _sample_dirichlet
dropout dropout_ dropout1d dropout2d dropout3d native_dropout feature_dropout feature_dropout_
alpha_dropout alpha_dropout_ feature_alpha_dropout feature_alpha_dropout_ rrelu rrelu_
gumbel_softmax scaled_dot_product_attention multi_head_attention_forward
fractional_max_pool2d fractional_max_pool3d fractional_max_pool2d_with_indices
fractional_max_pool3d_with_indices lstm gru rnn_tanh rnn_relu
"""
IN_PLACE = frozenset(_FILLING.split())
"""Names of functions and methods that fill a tensor with draws."""
DRAWING = IN_PLACE | frozenset(_RETURNING.split())
"""Names of all that draw from torch's generator, in some of their modes at least."""


def draws(function: object) -> bool:
    """Return whether a function of torch draws from the global generator, in some of its modes at least."""
    return getattr(function, "__name__", "") in DRAWING
