"""Recurrent kernel: build, cache, fallback, memory, threads and tanh."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from paribus.engines.rnn import better_alone, form_for, kernel_status, make_stackable, native, only
from paribus.engines.rnn.native import build
from paribus.engines.toolchain import COMPILERS, UnavailableError

DTYPES = [torch.float32, torch.float64]

needs_compiler = pytest.mark.skipif(
    not any(shutil.which(name) for name in COMPILERS), reason="there is no C++ compiler"
)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Provide a process that has not asked for the kernel yet, with an empty cache of its own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("PARIBUS_CACHE", str(folder))
    native._library.cache_clear()
    yield folder
    native._library.cache_clear()


@pytest.fixture
def pretender(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], list[str]]:
    """Provide a fake compiler that takes its time and writes a line; return a function that lists its calls."""
    log = tmp_path / "log"
    script = tmp_path / "pretender"
    script.write_text(
        f"""#!/bin/sh
echo "$*" >> {log}
for last; do :; done
[ "$last" = --version ] && exec echo "pretender 1.0"
printf first > "$last"; sleep 0.2; printf ", second" >> "$last"
"""
    )
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    return lambda: [line for line in log.read_text().splitlines() if line != "--version"]


def gru(dtype: torch.dtype = torch.float32) -> tuple[nn.Module, nn.Module]:
    """Torch's own, and the same made stackable."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs, ours = nn.GRU(3, 20, 2).to(dtype), nn.GRU(3, 20, 2).to(dtype)
    ours.load_state_dict(theirs.state_dict())
    assert make_stackable(ours) == ""
    return theirs, ours


def numbers(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def assert_same_as_torch() -> None:
    theirs, ours = gru()
    x = numbers(5, 4, 3)
    torch.testing.assert_close(ours(x)[0], theirs(x)[0], rtol=1e-5, atol=1e-6)


def test_without_a_compiler_torch_does_the_work(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "/nowhere/c++ -v")
    assert kernel_status() == "there is no C++ compiler: CXX=/nowhere/c++ was not found"
    assert form_for(numbers(1)).name == "torch"
    assert_same_as_torch()
    assert not fresh.exists()


def test_none_of_the_usual_compilers(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(fresh))
    assert kernel_status() == "there is no C++ compiler: any of c++, g++, clang++ was not found"


def test_a_compiler_that_fails_is_quoted(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "broken"
    script.write_text("#!/bin/sh\n[ $1 = --version ] || { echo no  such flag >&2; exit 3; }\n")
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    assert kernel_status() == f"{script} ended with status 3: no such flag"
    assert_same_as_torch()
    assert [path.suffix for path in fresh.iterdir()] == [".failed"]


@pytest.mark.usefixtures("fresh")
def test_a_compiler_that_failed_twice_is_not_called_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A build takes seconds; a second time it may not want for memory or room."""
    script, log = tmp_path / "broken", tmp_path / "log"
    script.write_text(
        f"#!/bin/sh\n[ $1 = --version ] || {{ echo called >> {log}; echo bad >&2; exit 3; }}\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    said = []
    for _ in range(4):
        native._library.cache_clear()
        said.append(kernel_status())
    reason = f"{script} ended with status 3: bad"
    again = "it failed 2 times, and is not tried again for a day or until paribus cache --clear"
    assert said == [reason, reason, f"{again}: {reason}", f"{again}: {reason}"]
    assert log.read_text() == "called\ncalled\n"


@pytest.mark.usefixtures("fresh")
def test_a_library_that_cannot_be_loaded_is_built_again_once(
    pretender: Callable[[], list[str]],
) -> None:
    """What the fake compiler writes is no library."""
    for _ in range(4):
        native._library.cache_clear()
        status = kernel_status()
    assert len(pretender()) == 2
    assert status.startswith("it failed 2 times, and is not tried again for a day")


@pytest.mark.usefixtures("pretender")
def test_a_cache_that_cannot_be_written(fresh: Path) -> None:
    fresh.write_text("not a folder")
    assert kernel_status().startswith("its machine code cannot be kept: ")
    assert str(fresh) in kernel_status()
    assert_same_as_torch()


@pytest.mark.usefixtures("fresh", "pretender")
def test_what_is_no_library_is_not_loaded() -> None:
    assert "cannot be loaded" in kernel_status()
    assert_same_as_torch()


def test_it_is_built_once(fresh: Path, pretender: Callable[[], list[str]]) -> None:
    assert build() == build()
    assert len(pretender()) == 1
    assert list(fresh.iterdir()) == [build()]


def test_those_who_build_at_once_get_one_whole_file(fresh: Path, pretender: object) -> None:
    """Each reads what it finds as soon as it is told of it."""
    del pretender
    with ThreadPoolExecutor(4) as pool:
        texts = list(pool.map(lambda _: build().read_text(), range(4)))
    assert texts == ["first, second"] * 4
    assert len(list(fresh.iterdir())) == 1


@pytest.mark.usefixtures("fresh", "pretender")
def test_another_kernel_has_another_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By flags, compiler, and source."""
    paths = [build(), build("-DPARIBUS_DOUBLE")]
    monkeypatch.setenv("CXX", f"{tmp_path / 'pretender'} -m32")
    paths.append(build())
    source = tmp_path / "other.cpp"
    source.write_text("")
    monkeypatch.setattr("paribus.engines.rnn.native.SOURCE", source)
    paths.append(build())
    assert len(set(paths)) == 4


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"PARIBUS_CACHE": "chosen", "XDG_CACHE_HOME": "base"}, "chosen"),
        ({"XDG_CACHE_HOME": "base"}, "base/paribus"),
        ({"HOME": "home"}, "home/.cache/paribus"),
    ],
)
@pytest.mark.usefixtures("pretender")
def test_where_it_is_kept(
    variables: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("PARIBUS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    assert build().parent == tmp_path / folder


def test_types_without_a_kernel() -> None:
    assert kernel_status(torch.float16) == "there is no kernel for torch.float16"
    assert form_for(torch.empty(1, device="meta")).name == "torch"


@pytest.mark.usefixtures("fresh")
def test_lstms_are_better_alone_where_torch_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only they have a fast path in torch."""
    monkeypatch.setenv("CXX", "/nowhere/c++")
    assert "form without a kernel (there is no C++ compiler" in better_alone(
        nn.Sequential(nn.LSTM(1, 8))
    )
    assert better_alone(nn.Sequential(nn.GRU(1, 8), nn.RNN(1, 8), nn.Linear(2, 2))) == ""


@needs_compiler
def test_narrow_lstms_are_not_better_alone() -> None:
    assert better_alone(nn.LSTM(1, 128)) == ""
    assert better_alone(nn.LSTM(1, 256)) == "torch's own LSTM is faster from 256 hidden units on"


@needs_compiler
def test_the_kernel_is_used_where_there_is_one() -> None:
    assert [form_for(numbers(1, dtype=dtype)).name for dtype in DTYPES] == ["kernel", "kernel"]
    with only("torch"):
        assert form_for(numbers(1)).name == "torch"


def test_a_form_that_there_is_not_is_told() -> None:
    with (
        pytest.raises(ValueError, match="got 'fortran', expected torch or kernel"),
        only("fortran"),
    ):
        pass


def test_the_kernel_is_not_used_in_silence_of_its_absence(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for by name, it is not replaced."""
    del fresh
    monkeypatch.setenv("CXX", "/nowhere/c++")
    with only("kernel"), pytest.raises(UnavailableError, match="there is no C\\+\\+ compiler"):
        gru()[1](numbers(5, 4, 3))


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tanh_and_sigmoid_are_accurate_everywhere(dtype: torch.dtype) -> None:
    """Relative error of at most two units of the last place, two more where torch's own is the measure.

    A simple cell that keeps no state is tanh; an LSTM's first cell state, its candidate being one, is sigmoid.
    """
    eps = torch.finfo(dtype).eps
    grid = [torch.linspace(-a, a, 20001, dtype=torch.float64) for a in (0.01, 1, 10, 30, 85)]
    tiny = torch.logspace(-37, 0, 1000, dtype=torch.float64)
    x = torch.cat([*grid, tiny, -tiny]).to(dtype)
    cell, gate = nn.RNN(1, 1, bias=False).to(dtype), nn.LSTM(1, 1).to(dtype)
    assert make_stackable(nn.ModuleList([cell, gate])) == ""
    with torch.no_grad(), only("kernel"):
        cell.weight_ih_l0.fill_(1)
        for parameter in gate.parameters():
            parameter.zero_()
        gate.weight_ih_l0[0], gate.bias_ih_l0[2] = 1, 100
        tanh, (_, (_, sigmoid)) = cell(x[None, :, None])[0], gate(x[None, :, None])
    factor = 2 if dtype == torch.float32 else 4
    for ours, exact in [(tanh, x.double().tanh()), (sigmoid, x.double().sigmoid())]:
        torch.testing.assert_close(ours.flatten().double(), exact, rtol=factor * eps, atol=0)


@needs_compiler
@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_threads_change_no_bit(kind: type[nn.RNNBase]) -> None:
    """Three replicates on one thread and on two."""
    network = kind(3, 20, 2)
    assert make_stackable(network) == ""
    x, states = numbers(3, 5, 4, 3), {n: p.detach() for n, p in network.named_parameters()}

    def run(threads: int) -> list[Tensor]:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            parameters = {
                n: torch.stack([p, 2 * p, -p]).requires_grad_() for n, p in states.items()
            }
            one = torch.func.vmap(lambda p, x: torch.func.functional_call(network, p, (x,))[0])
            outputs = one(parameters, x)
            gradients = torch.autograd.grad(outputs.square().sum(), list(parameters.values()))
        finally:
            torch.set_num_threads(before)
        return [outputs.detach(), *gradients]

    with only("kernel"):
        assert all(torch.equal(a, b) for a, b in zip(run(1), run(2), strict=True))


def test_memory_is_used_again_when_nobody_needs_it() -> None:
    pool, like = native.Pool(2), numbers(1)
    first, second = pool.take(like, (3, 4)), pool.take(like, (3, 4))
    assert (first.shape, first.dtype) == ((3, 4), like.dtype)
    where = first.data_ptr()
    view = first[1:]
    del first
    assert pool.take(like, (3, 4)).data_ptr() != where
    del view
    assert pool.take(like, (3, 5)).data_ptr() != where
    again = pool.take(like.double(), (2, 3))
    assert again.data_ptr() == where
    assert again.dtype == torch.float64
    assert second.data_ptr() != where


def test_no_more_memory_is_held_than_was_asked_for() -> None:
    pool, like = native.Pool(2), numbers(1)
    lent = [pool.take(like, (size,)) for size in (10, 20, 30, 40)]
    while lent:
        del lent[0]
    third = pool.take(like, (25,))
    assert third.untyped_storage().nbytes() == 100
    assert [len(piece) for piece in pool._free] == [160]


@needs_compiler
def test_two_passes_before_one_backward_keep_apart() -> None:
    """What the second saves does not overwrite the first's."""
    theirs, ours = gru(torch.float64)
    x = numbers(5, 4, 3, dtype=torch.float64)

    def gradients(network: nn.Module) -> tuple[Tensor, ...]:
        first, second = network(x)[0], network(2 * x)[0]
        return torch.autograd.grad((first * second).sum(), list(network.parameters()))

    for a, b in zip(gradients(ours), gradients(theirs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@needs_compiler
def test_backward_may_be_run_twice() -> None:
    ours = gru()[1]
    loss = ours(numbers(5, 4, 3))[0].square().sum()
    first = torch.autograd.grad(loss, list(ours.parameters()), retain_graph=True)
    second = torch.autograd.grad(loss, list(ours.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
