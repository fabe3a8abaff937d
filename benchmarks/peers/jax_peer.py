"""JAX: ``jit`` of ``lax.scan`` of ``vmap``, networks and Adam by hand; a process that is told what to train.

Written as fast as we could make it: weights are donated, batches are gathered inside the compiled call, the next
orders are drawn while the last call computes, and convolutions are matrix products, which measured faster than XLA's
grouped ones.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from benchmarks.engines.textbook import WATCHED, Taken
from benchmarks.engines.workloads import JAX_DEVICES, Workload

BETAS, EPSILON = (0.9, 0.999), 1e-8


class Jax:
    """Replicates on one device, or dealt out to all devices.

    Args:
        workload: what is trained.
        seeds: of each replicate; they draw weights and orders.
    """

    def __init__(self, workload: Workload, seeds: Sequence[int], _: str = "") -> None:
        import jax

        from benchmarks.peers.jax_networks import network_of

        inputs, targets, _ = workload.plain()
        self.replicates, self.length = len(seeds), workload.recipe.batch_size
        self.samples, self.unit = len(inputs), _call_length(workload.epoch)
        self.drawn = np.random.default_rng(seeds)
        self.orders = self._orders()
        init, loss = network_of(workload)
        weights, buffers = jax.vmap(init)(jax.numpy.stack([jax.random.key(s) for s in seeds]))
        zeros = jax.tree.map(jax.numpy.zeros_like, weights)
        copy = jax.tree.map(jax.numpy.zeros_like, weights)
        spread = self._spread(jax)
        self.state = spread((weights, buffers, zeros, copy), 0)
        self.spread, self.step = spread, jax.numpy.float32(0)
        self.data = (jax.numpy.asarray(inputs.numpy()), jax.numpy.asarray(targets.numpy()))
        self.train = jax.jit(_steps(jax, loss, workload.lr), donate_argnums=(0,))

    def _spread(self, jax: Any) -> Callable[[Any, int], Any]:
        """Deals the replicate axis of every array out to the devices."""
        devices = jax.devices()
        if len(devices) == 1 or self.replicates % len(devices):
            return lambda tree, _: tree
        mesh = jax.sharding.Mesh(np.array(devices), ("replicate",))
        spec = jax.sharding.PartitionSpec

        def spread(tree: Any, axis: int) -> Any:
            place = jax.sharding.NamedSharding(mesh, spec(*[None] * axis, "replicate"))
            return jax.device_put(tree, place)

        return spread

    def _orders(self) -> Iterator[np.ndarray]:
        """Sample numbers of some steps, ``(step, replicate, batch)``: each replicate in an order of its own."""
        each = np.tile(np.arange(self.samples, dtype=np.int32), (self.replicates, 1))
        while True:
            order = self.drawn.permuted(each, axis=1)
            epoch = order.reshape(self.replicates, -1, self.length).swapaxes(0, 1)
            yield from (epoch[i : i + self.unit] for i in range(0, len(epoch), self.unit))

    def take(self, steps: int) -> Taken:
        """Take steps, some a compiled call; a call is not waited for before the next is prepared."""
        import jax

        calls = -(-steps // self.unit)
        found = []
        started = time.perf_counter()
        for _ in range(calls):
            index = self.spread(next(self.orders), 1)
            self.state, self.step, losses = self.train(self.state, self.step, index, *self.data)
            found.append(losses)
        jax.block_until_ready(self.state)
        seconds = time.perf_counter() - started
        losses = np.concatenate([np.asarray(x) for x in found[-WATCHED:]])
        return Taken(seconds, calls * self.unit, losses[-WATCHED:].mean(0))


def _call_length(epoch: int, most: int = 32) -> int:
    """Steps of a compiled call: as many as fit into an epoch without a rest."""
    return max(n for n in range(1, most + 1) if epoch % n == 0)


def _steps(jax: Any, loss: Callable[..., Any], lr: float) -> Callable[..., Any]:
    """Some steps of all replicates: Adam as torch has it."""
    jnp, tree = jax.numpy, jax.tree

    def one(state: Any, step: Any, x: Any, y: Any) -> Any:
        weights, buffers, mean, square = state
        (value, buffers), gradient = jax.value_and_grad(loss, has_aux=True)(weights, buffers, x, y)
        mean = tree.map(lambda m, g: BETAS[0] * m + (1 - BETAS[0]) * g, mean, gradient)
        square = tree.map(lambda v, g: BETAS[1] * v + (1 - BETAS[1]) * g * g, square, gradient)
        size, root = lr / (1 - BETAS[0] ** step), jnp.sqrt(1 - BETAS[1] ** step)
        weights = tree.map(
            lambda w, m, v: w - size * m / (jnp.sqrt(v) / root + EPSILON), weights, mean, square
        )
        return (weights, buffers, mean, square), value

    every = jax.vmap(one, in_axes=(0, None, 0, 0))

    def steps(state: Any, step: Any, index: Any, inputs: Any, targets: Any) -> Any:
        def body(carried: Any, batch: Any) -> Any:
            state, step = carried
            state, losses = every(state, step + 1, inputs[batch], targets[batch])
            return (state, step + 1), losses

        (state, step), losses = jax.lax.scan(body, (state, step), index)
        return state, step, losses

    return steps


def about() -> str:
    """Version and settings, for the page."""
    return f"JAX {version('jax')}: jit of lax.scan of vmap, networks and Adam by hand"


if __name__ == "__main__":
    count = os.environ.get(JAX_DEVICES, "1")
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={count}"
    os.environ["JAX_PLATFORMS"] = "cpu"

    from benchmarks.engines.remote import serve

    serve(Jax)
