"""Other libraries: skorch, Lightning, and JAX with networks and Adam by hand; each is imported when it is used.

JAX is written as fast as we could make it: ``jit`` of ``lax.scan`` of ``vmap``, weights are donated, batches are
gathered inside the compiled call, the next orders are drawn while the last call computes, and convolutions are matrix
products, which measured faster than XLA's grouped ones.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.engines.contenders import LAST, Taken, mean_of_last
from benchmarks.engines.workloads import Workload, seeded

# ``init(key) -> (weights, buffers)`` and ``loss(weights, buffers, x, y) -> (loss, buffers)``, for one replicate.
Network = tuple[Callable[..., Any], Callable[..., Any]]
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
BETAS, EPSILON = (0.9, 0.999), 1e-8


class Skorch:
    """``skorch.NeuralNet`` over the same network, all callbacks off, fitted by whole epochs."""

    replicates = 1

    def __init__(self, workload: Workload, seeds: Sequence[int]) -> None:
        from skorch import NeuralNet

        self.inputs, self.targets, criterion = workload.plain()
        self.seed, self.epoch = seeds[0], workload.epoch
        self.net = NeuralNet(
            workload.network(self.seed),
            criterion=type(criterion),
            optimizer=torch.optim.Adam,
            lr=workload.lr,
            batch_size=workload.recipe.batch_size,
            iterator_train__shuffle=True,
            train_split=None,
            callbacks="disable",
            verbose=0,
        ).initialize()

    def take(self, steps: int) -> Taken:
        """Take whole epochs, as many as hold so many steps."""
        epochs = -(-steps // self.epoch)
        with seeded(self.seed):
            started = time.perf_counter()
            self.net.fit_loop(self.inputs, self.targets, epochs=epochs)
            seconds = time.perf_counter() - started
        losses = self.net.history[-1, "batches", :, "train_loss"][-LAST:]
        return Taken(seconds, epochs * self.epoch, np.array([np.mean(losses)]))


class Lightning:
    """``LightningModule`` and a loader, with a barebones ``Trainer`` for each call."""

    replicates = 1

    def __init__(self, workload: Workload, seeds: Sequence[int]) -> None:
        self.seed, self.module = seeds[0], _lightning_module(workload, seeds[0])
        self.loader = workload.loader()

    def take(self, steps: int) -> Taken:
        """Take steps; the seconds are those from the start of training to its end, without the trainer's start."""
        from lightning.pytorch import Trainer

        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        with warnings.catch_warnings(), seeded(self.seed):
            warnings.simplefilter("ignore")  # hints on loaders with more processes
            trainer = Trainer(
                max_steps=steps, max_epochs=-1, accelerator="cpu", devices=1, barebones=True
            )
            self.module.losses.clear()
            trainer.fit(self.module, self.loader)
        losses = self.module.losses
        return Taken(self.module.seconds, len(losses), mean_of_last(losses))


def _lightning_module(workload: Workload, seed: int) -> Any:
    from lightning.pytorch import LightningModule

    class Module(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network, self.criterion = workload.network(seed), workload.plain().criterion
            self.optimizer = torch.optim.Adam(self.network.parameters(), lr=workload.lr)
            self.losses: list[Tensor] = []
            self.seconds = 0.0

        def training_step(self, batch: tuple[Tensor, ...], _: int) -> Tensor:
            x, y = batch
            loss: Tensor = self.criterion(self.network(x), y)
            self.losses.append(loss.detach())
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return self.optimizer

        def on_train_start(self) -> None:
            self.seconds = -time.perf_counter()

        def on_train_end(self) -> None:
            self.seconds += time.perf_counter()

    return Module()


class Jax:
    """JAX: replicates on one device, or dealt out to all devices; seeds draw weights and orders."""

    def __init__(self, workload: Workload, seeds: Sequence[int]) -> None:
        import jax

        inputs, targets, _ = workload.plain()
        self.replicates, self.length = len(seeds), workload.recipe.batch_size
        self.samples, self.unit = len(inputs), call_length(workload.epoch)
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
        """Return a function that deals a tree's replicate axis out to the devices."""
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
        """Yield sample indices of a call, ``(step, replicate, batch)``; each replicate has an order of its own."""
        each = np.tile(np.arange(self.samples, dtype=np.int32), (self.replicates, 1))
        while True:
            order = self.drawn.permuted(each, axis=1)
            epoch = order.reshape(self.replicates, -1, self.length).swapaxes(0, 1)
            yield from (epoch[i : i + self.unit] for i in range(0, len(epoch), self.unit))

    def take(self, steps: int) -> Taken:
        """Take steps, several in a compiled call, and prepare the next call while one computes."""
        import jax

        calls = -(-steps // self.unit)
        taken = []
        started = time.perf_counter()
        for _ in range(calls):
            index = self.spread(next(self.orders), 1)
            self.state, self.step, losses = self.train(self.state, self.step, index, *self.data)
            taken.append(losses)
        jax.block_until_ready(self.state)
        seconds = time.perf_counter() - started
        losses = np.concatenate([np.asarray(x) for x in taken[-LAST:]])
        return Taken(seconds, calls * self.unit, losses[-LAST:].mean(0))


def call_length(epoch: int, most: int = 32) -> int:
    """Return the steps of a compiled call: the largest divisor of an epoch that is not above ``most``."""
    return max(n for n in range(1, most + 1) if epoch % n == 0)


def _steps(jax: Any, loss: Callable[..., Any], lr: float) -> Callable[..., Any]:
    """Return a function of several steps of all replicates, with Adam's update as torch has it."""
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


def network_of(workload: Workload) -> Network:
    """Return a workload's network and loss in JAX.

    Raises:
        NotImplementedError: there is none of this name here.
    """
    settings = workload.recipe.model.kwargs
    sizes = {"inputs": workload.split.dataset.input_shapes[0]}
    name = workload.recipe.model.target.partition(":")[2]
    if name not in MAKERS:
        raise NotImplementedError(f"{name} is not written in JAX")
    return MAKERS[name](**sizes, **settings)


def _uniform(key: Any, shape: tuple[int, ...], fan_in: int) -> Any:
    """Draw weights as torch does, uniformly within one over the root of the fan-in."""
    import jax

    bound = fan_in**-0.5
    return jax.random.uniform(key, shape, minval=-bound, maxval=bound)


def mlp(*, inputs: tuple[int, ...], hidden: list[int], norm: str | None = None) -> Network:
    """Return hidden layers with ReLU, batch norm before it if asked for, and binary cross-entropy of one logit."""
    import jax
    from jax import numpy as jnp

    widths = [*inputs, *hidden, 1]
    last = len(hidden)

    def init(key: Any) -> Any:
        weights, buffers, keys = {}, {}, jax.random.split(key, 2 * len(widths))
        for i in range(len(widths) - 1):
            fan_in, out = widths[i], widths[i + 1]
            weights[f"w{i}"] = _uniform(keys[2 * i], (fan_in, out), fan_in)
            if norm and i < last:
                weights |= {f"scale{i}": jnp.ones(out), f"shift{i}": jnp.zeros(out)}
                buffers |= {f"mean{i}": jnp.zeros(out), f"var{i}": jnp.ones(out)}
            else:
                weights[f"b{i}"] = _uniform(keys[2 * i + 1], (out,), fan_in)
        return weights, buffers

    def normed(w: Any, buffers: Any, i: int, h: Any) -> Any:
        mean, var, n = h.mean(0), h.var(0), h.shape[0]
        seen = (jax.lax.stop_gradient(mean), jax.lax.stop_gradient(var) * n / (n - 1))
        new = {
            name: 0.9 * buffers[name] + 0.1 * x
            for name, x in zip((f"mean{i}", f"var{i}"), seen, strict=True)
        }
        h = (h - mean) * jax.lax.rsqrt(var + 1e-5) * w[f"scale{i}"] + w[f"shift{i}"]
        return h, {**buffers, **new}

    def loss(w: Any, buffers: Any, x: Any, y: Any) -> Any:
        h = x
        for i in range(last):
            h = h @ w[f"w{i}"]
            h, buffers = normed(w, buffers, i, h) if norm else (h + w[f"b{i}"], buffers)
            h = jax.nn.relu(h)
        logit = h @ w[f"w{last}"] + w[f"b{last}"]
        return (jax.nn.softplus(logit) - y * logit).mean(), buffers

    return init, loss


def recurrent(*, inputs: tuple[int, ...], cell: str, hidden: int, layers: int) -> Network:
    """Return recurrent layers, the inputs' projection hoisted out of the scan over time, and squared error."""
    import jax
    from jax import numpy as jnp

    rows = GATES[cell] * hidden

    def init(key: Any) -> Any:
        w, keys = {}, jax.random.split(key, 4 * layers + 2)
        for i in range(layers):
            size = inputs[1] if i == 0 else hidden
            shapes = {"in": (size, rows), "state": (hidden, rows), "bi": (rows,), "bs": (rows,)}
            for j, (name, shape) in enumerate(shapes.items()):
                w[f"{name}{i}"] = _uniform(keys[4 * i + j], shape, hidden)
        w["w"], w["b"] = _uniform(keys[-2], (hidden, 1), hidden), _uniform(keys[-1], (1,), hidden)
        return w, {}

    def rnn(state: Any, g: Any, w: Any, b: Any) -> Any:
        return (jnp.tanh(g + state[0] @ w + b),)

    def lstm(state: Any, g: Any, w: Any, b: Any) -> Any:
        i, f, c, o = jnp.split(g + state[0] @ w + b, 4, -1)
        sigmoid = jax.nn.sigmoid
        kept = sigmoid(f) * state[1] + sigmoid(i) * jnp.tanh(c)
        return sigmoid(o) * jnp.tanh(kept), kept

    def gru(state: Any, g: Any, w: Any, b: Any) -> Any:
        (gr, gz, gn), (sr, sz, sn) = jnp.split(g, 3, -1), jnp.split(state[0] @ w + b, 3, -1)
        reset, update = jax.nn.sigmoid(gr + sr), jax.nn.sigmoid(gz + sz)
        new = jnp.tanh(gn + reset * sn)
        return ((1 - update) * new + update * state[0],)

    step = {"RNN": rnn, "LSTM": lstm, "GRU": gru}[cell]

    def loss(w: Any, buffers: Any, x: Any, y: Any) -> Any:
        h = jnp.swapaxes(x, 0, 1)
        for i in range(layers):
            gates = h @ w[f"in{i}"] + w[f"bi{i}"]
            zero = jnp.zeros((x.shape[0], hidden))

            def over_time(state: Any, g: Any, i: int = i) -> Any:
                state = step(state, g, w[f"state{i}"], w[f"bs{i}"])
                return state, state[0]

            _, h = jax.lax.scan(over_time, (zero,) * (2 if cell == "LSTM" else 1), gates)
        outputs = h[-1] @ w["w"] + w["b"]
        return ((outputs - y) ** 2).mean(), buffers

    return init, loss


def cnn(*, inputs: tuple[int, ...], channels: list[int]) -> Network:
    """Return 3x3 convolutions, ELU and max-pooling, channels last, and cross-entropy of ten classes."""
    import jax
    from jax import numpy as jnp

    widths = [inputs[0], *channels]
    side = inputs[1] // 2 ** len(channels)
    flat = side * side * channels[-1]

    def init(key: Any) -> Any:
        w, keys = {}, jax.random.split(key, 2 * len(widths))
        for i in range(len(channels)):
            fan_in = 9 * widths[i]
            w[f"w{i}"] = _uniform(keys[2 * i], (fan_in, widths[i + 1]), fan_in)
            w[f"b{i}"] = _uniform(keys[2 * i + 1], (widths[i + 1],), fan_in)
        w["w"], w["b"] = _uniform(keys[-2], (flat, 10), flat), _uniform(keys[-1], (10,), flat)
        return w, {}

    def convolved(x: Any, weight: Any) -> Any:
        rows, columns = x.shape[1:3]
        padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        shifted = [padded[:, i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
        return jnp.concatenate(shifted, -1) @ weight

    def pooled(x: Any) -> Any:
        n, rows, columns, width = x.shape
        return x.reshape(n, rows // 2, 2, columns // 2, 2, width).max((2, 4))

    def loss(w: Any, buffers: Any, x: Any, y: Any) -> Any:
        h = jnp.moveaxis(x, 1, -1)
        for i in range(len(channels)):
            h = pooled(jax.nn.elu(convolved(h, w[f"w{i}"]) + w[f"b{i}"]))
        logits = h.reshape(len(x), -1) @ w["w"] + w["b"]
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean(), buffers

    return init, loss


MAKERS: dict[str, Callable[..., Network]] = {"MLP": mlp, "Recurrent": recurrent, "CNN": cnn}
