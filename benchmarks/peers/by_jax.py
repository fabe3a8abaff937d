"""The comparison by JAX with optax: all seeds of an optimizer in one compiled call, ``jit`` of ``vmap`` of ``scan``."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.peers.problem import BATCH, SEEDS, STEPS, WIDTHS, log_loss, parts, show

# As in torch: momentum is not damped, Adagrad starts from zero, RMSprop adds its constant outside of the root.
OPTIMIZERS = {
    "sgd": optax.sgd(0.01),
    "momentum": optax.sgd(0.01, momentum=0.95),
    "adagrad": optax.adagrad(0.01, initial_accumulator_value=0.0, eps=1e-10),
    "rmsprop": optax.rmsprop(0.01, decay=0.99, eps=1e-8, eps_in_sqrt=False),
    "adam": optax.adam(0.001),
}


def weights(key: Any) -> list[tuple[Any, Any]]:
    """Draw weights as torch does by default: uniform, up to one over the root of the inputs."""
    layers = []
    for size, outputs in pairwise(WIDTHS):
        key, a, b = jax.random.split(key, 3)
        bound = size**-0.5
        layers.append(
            (
                jax.random.uniform(a, (size, outputs), minval=-bound, maxval=bound),
                jax.random.uniform(b, (outputs,), minval=-bound, maxval=bound),
            )
        )
    return layers


def logits(layers: list[tuple[Any, Any]], x: Any) -> Any:
    """Return the network's outputs, ``(sample, 2)``."""
    for weight, bias in layers[:-1]:
        x = jax.nn.relu(x @ weight + bias)
    weight, bias = layers[-1]
    return x @ weight + bias


def loss(layers: list[tuple[Any, Any]], x: Any, y: Any) -> Any:
    """Return the mean log-loss of a batch."""
    return optax.softmax_cross_entropy_with_integer_labels(logits(layers, x), y).mean()


def training(optimizer: optax.GradientTransformation) -> Any:
    """Return a compiled function that trains all seeds at once and puts out the test part's logits."""

    def one(key: Any, x: Any, y: Any, test_x: Any) -> Any:
        key, start = jax.random.split(key)
        layers = weights(start)
        batches = len(x) // BATCH
        epochs = -(-STEPS // batches)
        orders = jax.vmap(lambda k: jax.random.permutation(k, len(x)))(
            jax.random.split(key, epochs)
        )
        order = orders[:, : batches * BATCH].reshape(-1, BATCH)[:STEPS]

        def step(state: Any, index: Any) -> Any:
            layers, memory = state
            gradient = jax.grad(loss)(layers, x[index], y[index])
            updates, memory = optimizer.update(gradient, memory)
            return (optax.apply_updates(layers, updates), memory), None

        (layers, _), _ = jax.lax.scan(step, (layers, optimizer.init(layers)), order)
        return logits(layers, test_x)

    return jax.jit(jax.vmap(one))


def main() -> None:
    """Train everything and show the table."""
    data = [parts(seed) for seed in range(SEEDS)]
    x, y, test_x = (jnp.stack([part[i] for part in data]) for i in range(3))
    keys = jax.random.split(jax.random.key(0), SEEDS)
    found = {
        name: np.asarray(training(optimizer)(keys, x, y, test_x))
        for name, optimizer in OPTIMIZERS.items()
    }
    show(
        {
            name: [log_loss(each, part.test_y) for each, part in zip(outputs, data, strict=True)]
            for name, outputs in found.items()
        }
    )


if __name__ == "__main__":
    main()
