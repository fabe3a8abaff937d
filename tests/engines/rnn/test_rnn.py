"""Stackable recurrent layers against torch's own: alone, stacked, differentiated, trained, and beside a failed one."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from torch.nn.utils.rnn import pack_sequence

from paribus.engines.rnn import FORMS, kernel_status, make_stackable, only, refusal

CELLS = ["RNN_TANH", "RNN_RELU", "LSTM", "GRU"]

# Single precision: about ten roundings of a sum of 1000 terms, each of 6e-8, relative to the largest entry.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}


@pytest.fixture(params=FORMS, autouse=True)
def form(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run every test with each implementation."""
    if request.param == "kernel" and (reason := kernel_status() or kernel_status(torch.float64)):
        pytest.skip(reason)
    with only(request.param):
        yield request.param


def layer(
    cell: str,
    inputs: int = 3,
    hidden: int = 5,
    layers: int = 2,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    **options: Any,
) -> nn.RNNBase:
    """Return a recurrent layer of torch's own."""
    kind, _, nonlinearity = cell.partition("_")
    if nonlinearity:
        options["nonlinearity"] = nonlinearity.lower()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return getattr(nn, kind)(inputs, hidden, layers, **options).to(dtype)


def stackable(network: nn.Module) -> nn.Module:
    """Return a copy that can be stacked."""
    copied = copy.deepcopy(network)
    assert make_stackable(copied) == ""
    return copied


def numbers(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def flatten(results: Any) -> list[Tensor]:
    """Output and states, whatever tuples they come in."""
    output, states = results
    return [output, *(states if isinstance(states, tuple) else (states,))]


def scalar(results: Any) -> Tensor:
    """Return one number in which every entry of output and states has its own weight."""
    tensors = flatten(results)
    return sum(
        ((numbers(*x.shape, seed=i).to(x) * x).sum() for i, x in enumerate(tensors)),
        x_zero(tensors),
    )


def x_zero(tensors: Sequence[Tensor]) -> Tensor:
    return tensors[0].new_zeros(())


def assert_near(ours: Sequence[Tensor], theirs: Sequence[Tensor], tolerance: float) -> None:
    """Equal up to a share of each tensor's largest entry."""
    for a, b in zip(ours, theirs, strict=True):
        bound = tolerance * max(1.0, b.abs().max().item())
        torch.testing.assert_close(a, b, rtol=0, atol=bound)


def all_gradients(network: nn.Module, *arguments: Any) -> tuple[list[Tensor], list[Tensor]]:
    """Results, and gradients of all parameters and of all that goes in."""
    leaves = [x.detach().requires_grad_() for x in arguments]
    hx = () if len(leaves) == 1 else (leaves[1] if len(leaves) == 2 else tuple(leaves[1:]),)
    results = network(leaves[0], *hx)
    gradients = torch.autograd.grad(scalar(results), [*leaves, *network.parameters()])
    return flatten(results), list(gradients)


CASES = [
    (cell, {"layers": layers, "bias": bias, "batch_first": first})
    for cell, (layers, bias, first) in product(
        CELLS,
        [(1, True, True), (2, True, False), (2, False, True), (3, True, True), (1, False, False)],
    )
]


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize(("cell", "options"), CASES)
def test_results_and_all_gradients_are_those_of_torch(
    cell: str, options: dict[str, Any], dtype: torch.dtype
) -> None:
    theirs = layer(cell, dtype=dtype, **options)
    x = numbers(6, 7, 3, dtype=dtype)
    expected, ours = all_gradients(theirs, x), all_gradients(stackable(theirs), x)
    assert_near(ours[0], expected[0], TOLERANCE[dtype])
    assert_near(ours[1], expected[1], TOLERANCE[dtype])


SIZES = [  # inputs, hidden, batch, time
    (1, 8, 1, 1),
    (1, 32, 33, 5),
    (3, 1, 2, 4),
    (17, 16, 4, 3),
    (2, 33, 70, 2),
    (40, 70, 3, 9),
]


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize(("inputs", "hidden", "batch", "time"), SIZES)
@pytest.mark.parametrize("cell", CELLS)
def test_sizes_and_initial_states(
    cell: str, inputs: int, hidden: int, batch: int, time: int, dtype: torch.dtype
) -> None:
    """Sizes on either side of every vector and block, with states given and differentiated."""
    theirs = layer(cell, inputs, hidden, 2, batch_first=True, dtype=dtype)
    states = [numbers(2, batch, hidden, seed=i, dtype=dtype) for i in range(1 + (cell == "LSTM"))]
    x = numbers(batch, time, inputs, dtype=dtype)
    expected, ours = all_gradients(theirs, x, *states), all_gradients(stackable(theirs), x, *states)
    assert_near(ours[0], expected[0], TOLERANCE[dtype])
    assert_near(ours[1], expected[1], TOLERANCE[dtype])


USES: dict[str, Callable[[Any], Tensor]] = {
    "last output": lambda r: r[0][:, -1].square().sum(),
    "last state": lambda r: flatten(r)[1].square().sum(),
    "last cell": lambda r: flatten(r)[-1].square().sum(),
    "first output": lambda r: r[0][:, 0].square().sum(),
    "sum of all": lambda r: r[0].sum(),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("cell", CELLS)
def test_a_part_of_the_results_may_go_unused(cell: str, use: str) -> None:
    theirs = layer(cell, batch_first=True)
    x = numbers(4, 6, 3)
    expected, ours = (
        torch.autograd.grad(USES[use](network(x)), list(network.parameters()), allow_unused=True)
        for network in (theirs, stackable(theirs))
    )
    unused = [a is None for a in expected]
    assert not any(unused)
    assert_near(ours, expected, 1e-12)


class Reader(nn.Module):
    """Recurrent layers read by a linear one, as users write them."""

    def __init__(self, cell: str, seed: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.recurrent = layer(cell, 2, 6, 2, seed=seed, batch_first=True, dtype=dtype)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.linear = nn.Linear(6, 1).to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.recurrent(x)
        out: Tensor = self.linear(states[:, -1])
        return out


def readers(cell: str, count: int, dtype: torch.dtype = torch.float64) -> list[Reader]:
    return [Reader(cell, seed, dtype) for seed in range(count)]


def stacked(networks: Sequence[nn.Module]) -> tuple[nn.Module, dict[str, Tensor]]:
    """Return a network that can be stacked, and the parameters of all by name."""
    parameters, _ = stack_module_state(list(networks))
    return stackable(networks[0]), {n: p.detach().requires_grad_() for n, p in parameters.items()}


def losses_of(
    base: nn.Module, parameters: dict[str, Tensor], x: Tensor, y: Tensor, x_dim: int | None = 0
) -> Tensor:
    """Return each replicate's mean squared error, ``(replicate,)``."""

    def loss(p: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return (functional_call(base, p, (x,)) - y).square().mean()

    return vmap(loss, in_dims=(0, x_dim, x_dim))(parameters, x, y)


@pytest.mark.parametrize("shared", [False, True], ids=["own data", "shared data"])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_stacked_gradients_are_those_of_each_alone(cell: str, count: int, shared: bool) -> None:
    networks = readers(cell, count)
    base, parameters = stacked(networks)
    x, y = numbers(count, 4, 5, 2), numbers(count, 4, 1)
    xs, ys = ([x[0]] * count, [y[0]] * count) if shared else (x, y)
    data = (x[0], y[0], None) if shared else (x, y, 0)
    losses = losses_of(base, parameters, *data)
    gradients = torch.autograd.grad(losses.sum(), list(parameters.values()))
    for i, network in enumerate(networks):
        loss = (network(xs[i]) - ys[i]).square().mean()
        expected = torch.autograd.grad(loss, list(network.parameters()))
        assert_near([losses[i]], [loss], 1e-12)
        assert_near([g[i] for g in gradients], expected, 1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_shared_weights_gather_gradients_from_all_data(cell: str) -> None:
    """Parameters that vmap does not stack are still differentiated."""
    network = readers(cell, 1)[0]
    base, x = stackable(network), numbers(3, 4, 5, 2)
    parameters = dict(base.named_parameters())
    outputs = vmap(lambda x: functional_call(base, parameters, (x,)))(x)
    gradients = torch.autograd.grad(outputs.square().sum(), list(parameters.values()))
    expected = torch.autograd.grad(
        network(x.flatten(0, 1)).square().sum(), list(network.parameters())
    )
    assert_near(gradients, expected, 1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_the_gradient_may_be_taken_inside_vmap(cell: str) -> None:
    base, parameters = stacked(readers(cell, 3))
    x, y = numbers(3, 4, 5, 2), numbers(3, 4, 1)
    expected = torch.autograd.grad(
        losses_of(base, parameters, x, y).sum(), list(parameters.values())
    )

    def loss(p: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return (functional_call(base, p, (x,)) - y).square().mean()

    detached = {name: p.detach() for name, p in parameters.items()}
    gradients, _ = vmap(grad_and_value(loss))(detached, x, y)
    assert_near(list(gradients.values()), expected, 1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_two_levels_of_vmap(cell: str) -> None:
    """Data stacked within each replicate are one longer batch."""
    networks = readers(cell, 2)
    base, parameters = stacked(networks)
    x = numbers(2, 3, 4, 5, 2)
    twice = vmap(lambda p, x: vmap(lambda x: functional_call(base, p, (x,)))(x))(parameters, x)
    expected = torch.stack(
        [network(each.flatten(0, 1)) for network, each in zip(networks, x, strict=True)]
    )
    assert_near([twice.flatten(1, 2)], [expected], 1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_evaluation_gives_the_same_outputs_and_keeps_nothing(cell: str) -> None:
    networks = readers(cell, 3)
    base, parameters = stacked(networks)
    x = numbers(40, 9, 2)
    with torch.no_grad():
        outputs = vmap(lambda p: functional_call(base.eval(), p, (x,)))(parameters)
        expected = torch.stack([network(x) for network in networks])
    assert_near([outputs], [expected], 1e-12)
    assert not outputs.requires_grad


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 2e-5)])
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("cell", CELLS)
def test_twenty_steps_leave_the_weights_of_each_alone(
    cell: str, optimizer: str, dtype: torch.dtype, tolerance: float
) -> None:
    """Single precision: Adam turns a rounding of a small gradient into a share of its step, here 20 of 0.01."""
    networks = readers(cell, 3, dtype)
    base, parameters = stacked(networks)
    make = {
        "SGD": lambda p: torch.optim.SGD(p, 0.1, 0.9),
        "Adam": lambda p: torch.optim.Adam(p, 0.01),
    }
    together = make[optimizer](list(parameters.values()))
    alone = [make[optimizer](n.parameters()) for n in networks]
    for step in range(20):
        x, y = numbers(3, 8, 5, 2, seed=step, dtype=dtype), numbers(3, 8, 1, seed=step, dtype=dtype)
        together.zero_grad()
        losses_of(base, parameters, x, y).sum().backward()
        together.step()
        for network, each, x_i, y_i in zip(networks, alone, x, y, strict=True):
            each.zero_grad()
            (network(x_i) - y_i).square().mean().backward()
            each.step()
    for i, network in enumerate(networks):
        assert_near([p[i] for p in parameters.values()], list(network.parameters()), tolerance)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("cell", CELLS)
def test_a_failed_replicate_is_seen_and_touches_no_other(cell: str, bad: float) -> None:
    """The others keep every bit of their gradients."""
    base, parameters = stacked(readers(cell, 4, torch.float32))
    x, y = numbers(4, 8, 5, 2, dtype=torch.float32), numbers(4, 8, 1, dtype=torch.float32)

    def run() -> tuple[Tensor, list[Tensor]]:
        losses = losses_of(base, parameters, x, y)
        return losses.detach(), list(torch.autograd.grad(losses.sum(), list(parameters.values())))

    losses, gradients = run()
    with torch.no_grad():
        parameters["recurrent.weight_hh_l0"][1] = bad
        parameters["recurrent.weight_ih_l1"][1] = bad
    failed, after = run()
    others = [0, 2, 3]
    assert torch.equal(losses[others], failed[others])
    for a, b in zip(gradients, after, strict=True):
        assert torch.equal(a[others], b[others])
    if math.isnan(bad):
        assert failed[1].isnan()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("cell", CELLS)
def test_what_is_not_finite_goes_where_torch_lets_it_go(cell: str, value: float) -> None:
    """An entry of the input that is not finite, in single precision."""
    theirs = layer(cell, 3, 20, 2, batch_first=True, dtype=torch.float32)
    x = numbers(4, 6, 3, dtype=torch.float32)
    x[2, 3, 1] = value
    for a, b in zip(flatten(stackable(theirs)(x)), flatten(theirs(x)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("cell", CELLS)
def test_a_replicate_does_not_depend_on_its_company(cell: str, form: str) -> None:
    """Alone and among 40: every bit for the kernel, rounding for torch, whose product kernels look at the count."""
    layers = [layer(cell, 2, 6, seed=i, batch_first=True, dtype=torch.float32) for i in range(40)]
    base, parameters = stacked(layers)
    x = numbers(40, 8, 5, 2, dtype=torch.float32)

    def states_and_gradients(rows: slice) -> list[Tensor]:
        some = {n: p[rows].detach().requires_grad_() for n, p in parameters.items()}
        outputs = vmap(lambda p, x: functional_call(base, p, (x,))[0])(some, x[rows])
        return [outputs, *torch.autograd.grad(outputs.square().sum(), list(some.values()))]

    among, alone = states_and_gradients(slice(None)), states_and_gradients(slice(7, 8))
    if form == "kernel":
        assert all(torch.equal(a[7:8], b) for a, b in zip(among, alone, strict=True))
    assert_near([a[7:8] for a in among], alone, 1e-5)


def test_state_dicts_interchange() -> None:
    """Names, shapes, order and class stay as they are, so that a user's own code finds its layer."""
    theirs = nn.Sequential(nn.LSTM(3, 5, 2, batch_first=True))
    ours = stackable(theirs)
    assert isinstance(ours[0], nn.LSTM)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(nn.Sequential(nn.LSTM(3, 5, 2)).state_dict())
    theirs.load_state_dict(ours.state_dict())
    x = numbers(2, 4, 3, dtype=torch.float32)
    assert_near(flatten(ours(x)), flatten(theirs(x)), 1e-6)
    assert_near(flatten(copy.deepcopy(ours)(x)), flatten(ours(x)), 0)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (nn.GRU(3, 4, bidirectional=True), "bidirectional GRU"),
        (nn.LSTM(3, 4, proj_size=2), "proj_size=2"),
        (nn.RNN(3, 4, 2, dropout=0.5), "dropout=0.5 between its layers"),
        (type("Own", (nn.GRU,), {})(3, 4), "Own is a kind of GRU of its own"),
    ],
)
def test_what_has_no_stacked_form_is_left_alone_and_named(module: nn.Module, reason: str) -> None:
    network = nn.Sequential(nn.GRU(3, 3), module)
    assert reason in refusal(network)
    assert make_stackable(network).startswith("1: ")
    assert type(network[0]) is nn.GRU


def test_without_recurrent_layers_nothing_changes() -> None:
    assert make_stackable(nn.Linear(2, 2)) == ""


def test_input_that_cannot_be_used_is_told() -> None:
    ours = stackable(layer("LSTM", batch_first=True))
    with pytest.raises(TypeError, match="got a packed sequence"):
        ours(pack_sequence([numbers(4, 3), numbers(2, 3)]))
    for shape in [(4, 3), (2, 4, 5), (0, 4, 3)]:
        with pytest.raises(ValueError, match=r"expected \(batch, time, feature\) with 3 features"):
            ours(numbers(*shape))
    with pytest.raises(ValueError, match=r"expected 2 of \(layer, batch, hidden\) = \(2, 4, 5\)"):
        ours(numbers(4, 6, 3), (numbers(2, 4, 5), numbers(2, 3, 5)))
    with pytest.raises(
        ValueError, match=r"got torch.float32 on cpu and torch.float64 on cpu, expected"
    ):
        ours(numbers(4, 6, 3, dtype=torch.float32))
    with pytest.raises(
        ValueError, match=r"got weights of shapes \[\(20, 2\), .* expected \[\(20, 3\)"
    ):
        functional_call(ours, {"weight_ih_l0": numbers(20, 2)}, (numbers(4, 6, 3),))


@pytest.mark.parametrize("cell", CELLS)
def test_a_second_derivative_is_refused(cell: str) -> None:
    ours = stackable(layer(cell))
    loss = ours(numbers(4, 2, 3))[0].square().sum()
    gradients = torch.autograd.grad(loss, list(ours.parameters()), create_graph=True)
    with pytest.raises(NotImplementedError, match="expected first ones only"):
        torch.autograd.grad(gradients[0].sum(), list(ours.parameters()))


@pytest.mark.parametrize("cell", CELLS)
def test_an_output_may_be_changed_in_place(cell: str) -> None:
    """As by ``nn.ReLU(inplace=True)`` behind it."""
    theirs = layer(cell, batch_first=True)
    x = numbers(4, 6, 3)

    def gradients(network: nn.Module) -> Sequence[Tensor]:
        output, _ = network(x)
        output.mul_(2)
        return torch.autograd.grad(output.square().sum(), list(network.parameters()))

    assert_near(gradients(stackable(theirs)), gradients(theirs), 1e-12)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("cell", CELLS)
def test_results_on_cuda(cell: str) -> None:
    """The torch form takes over where the kernel cannot go."""
    theirs = layer(cell)
    x = numbers(6, 7, 3)
    expected, ours = all_gradients(theirs, x), all_gradients(stackable(theirs).cuda(), x.cuda())
    assert_near([a.cpu() for a in ours[0]], expected[0], 1e-12)
    assert_near([a.cpu() for a in ours[1]], expected[1], 1e-12)
