"""The networks in JAX: ``init(key) -> (weights, buffers)`` and ``loss(weights, buffers, x, y) -> (loss, buffers)``.

Written for one replicate; weights are drawn as torch draws them, uniformly within one over the root of the fan-in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.engines.workloads import Workload

Network = tuple[Callable[..., Any], Callable[..., Any]]
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}


def network_of(workload: Workload) -> Network:
    """The JAX form of a workload's network and loss.

    Raises:
        NotImplementedError: nobody has written it.
    """
    settings = workload.recipe.model.kwargs
    sizes = {"inputs": workload.split.dataset.input_shapes[0]}
    name = workload.recipe.model.target.partition(":")[2]
    if name not in MAKERS:
        raise NotImplementedError(f"{name} is not written in JAX")
    return MAKERS[name](**sizes, **settings)


def _uniform(key: Any, shape: tuple[int, ...], fan_in: int) -> Any:
    import jax

    bound = fan_in**-0.5
    return jax.random.uniform(key, shape, minval=-bound, maxval=bound)


def mlp(*, inputs: tuple[int, ...], hidden: list[int], norm: str | None = None) -> Network:
    """Hidden layers with ReLU, and batch norm before it if asked for; binary cross-entropy of one logit."""
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
    """Recurrent layers, the projection of all inputs hoisted out of the scan over time; squared error."""
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
    """Convolutions of 3x3, ELU and max-pooling, channels last; cross-entropy of ten classes."""
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
