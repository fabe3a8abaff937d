"""Code generation: the C++ of a cohort's steps, and the call of the built library."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path

import torch
from torch import Tensor
from torch.fx import GraphModule

from paribus.engines.simd.lowering import lower
from paribus.engines.simd.operations import UnsupportedError
from paribus.engines.simd.trace_step import Sample, record_step
from paribus.engines.toolchain import Library
from paribus.engines.vmapped.batches import Samples, Source
from paribus.engines.vmapped.optimizers import Update
from paribus.engines.vmapped.parameters import Loss, StackedNetwork

PRELUDE = Path(__file__).with_name("simd.hpp")
TYPES = {
    torch.float32: "float",
    torch.float64: "double",
    torch.int64: "int64_t",
    torch.int32: "int32_t",
    torch.uint8: "uint8_t",
}
# Bytes that a step of one replicate a SIMD lane may use; a core's second-level cache has a megabyte or more.
MAX_BYTES = 2**20
REGISTER = 64  # bytes of the widest vector register
# Integers up to this one are exact in single precision, in which SIMD registers hold them.
EXACT = 2**24
SOURCES = [
    path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("[a-z]*.*"))
]


def library(name: str) -> Library:
    """Return the library of steps that a name and this package's sources determine."""
    root = Path(torch.__file__).parent
    capability = torch.backends.cpu.get_cpu_capability()
    defined = capability if capability in ("AVX2", "AVX512") else "DEFAULT"
    flags = (
        *("-std=c++20", "-O3", "-fno-math-errno", "-fno-trapping-math"),
        *(f"-DCPU_CAPABILITY={defined}", f"-DCPU_CAPABILITY_{defined}"),
        *(f"-I{root / 'include'}", f"-L{root / 'lib'}", "-ltorch_cpu", "-lc10"),
    )
    made_from = repr((name, SOURCES, torch.__version__, torch.version.git_version))
    return Library("steps", made_from, flags)


def hopeless(graph: GraphModule, parameters: int, samples: Samples) -> bool:
    """Return whether a recorded gradient certainly has no SIMD form, before its step is recorded.

    Args:
        graph: of `paribus.engines.vmapped.tracing.TracedGradient`.
        parameters: of a replicate.
        samples: what it is trained on.
    """
    convolution = torch.ops.aten.convolution.default
    return (
        parameters * REGISTER > MAX_BYTES
        or any(n.target is convolution for n in graph.graph.nodes)
        or any(_is_rounded(source) for source in (*samples.inputs, *samples.targets))
    )


def _is_rounded(source: Source) -> bool:
    """Return whether integers of a source would be rounded in SIMD registers."""
    raw = source.raw
    plain = source.affine is None and not raw.is_floating_point()
    return plain and raw.dtype != torch.bool and bool((raw.abs() > EXACT).any())


def source_of(
    stack: StackedNetwork,
    loss: Loss,
    update: Update,
    clip_norm: float | None,
    samples: Samples,
    rows: Tensor,
) -> str:
    """Return the C++ of a cohort's steps, the same for any number of replicates and steps.

    Args:
        stack: in training mode.
        loss: of outputs and targets, ``(sample,)``.
        update: the optimizer.
        clip_norm: the longest gradient, if there is one.
        samples: what it is trained on.
        rows: sample numbers of some steps, ``(step, replicate, batch)``.

    Raises:
        UnsupportedError: it cannot be recorded, or has no form here.
    """
    with _refusing():
        inputs, targets = samples.pick(rows[0])
        numbers = update.constant | {name: x[0] for name, x in update.ahead(1).items()}
        sample = Sample(
            stack.weights.detach()[:1].clone(),
            {name: x[:1].clone() for name, x in update.state.items()},
            {name: x[0].clone() for name, x in stack.buffers.items()},
            {name: x[:1].clone() for name, x in numbers.items()},
            [x[0].contiguous() for x in inputs],
            [x[0].contiguous() for x in targets],
        )
        changing = [sample.weights, *sample.state.values(), *sample.buffers.values()]
        graph = record_step(stack, loss, update, clip_norm, sample)
        step = lower(graph, sample.weights.dtype, range(len(changing)))
        sizes = [x.numel() for x in sample.tensors]
        if (sum(sizes) + step.memory) * REGISTER > MAX_BYTES:
            raise UnsupportedError(
                f"{sum(sizes) + step.memory} numbers a replicate leave a core's cache"
            )
        pointers, at = [], 0
        for i, size in enumerate(sizes):
            pointers.append(f"Vec* const in{i} = buffer.data() + {at};")
            at += size
        kinds = [TYPES[x.dtype] for x in changing]
        moved = [(i, kind, sizes[i]) for i, kind in enumerate(kinds)]
        constant = range(len(moved), len(moved) + len(update.constant))
        ahead = range(constant.stop, constant.stop + len(update.ahead(1)))
        return "\n".join(
            [
                f"using T = {TYPES[sample.weights.dtype]};",
                PRELUDE.read_text(encoding="utf-8"),
                'extern "C" void paribus_steps(int64_t replicates, int64_t steps, void* const* tensors) {',
                f"T* const losses = (T*)tensors[{ahead.stop + len(samples.tensors) + 1}];",
                f"std::vector<Vec> buffer({at + step.memory});",
                *pointers,
                f"Vec* const memory = buffer.data() + {at};",
                "for (int64_t first = 0; first < replicates; first += LANES) {",
                "const int valid = int(std::min<int64_t>(LANES, replicates - first));",
                "int64_t replicate[LANES];",
                "for (int l = 0; l < LANES; ++l) replicate[l] = first + std::min(l, valid - 1);",
                *(
                    f"load((const {kind}*)tensors[{i}], replicate, {n}, in{i});"
                    for i, kind, n in moved
                ),
                *(f"load((const T*)tensors[{i}], replicate, 1, in{i});" for i in constant),
                "for (int64_t k = 0; k < steps; ++k) {",
                *(
                    f"load((const T*)tensors[{i}] + k * replicates, replicate, 1, in{i});"
                    for i in ahead
                ),
                *_picked(samples, ahead.stop, rows.shape[2]),
                step.source,
                f"store(&{step.loss}, first, valid, 1, losses + k * replicates);",
                "}",
                *(
                    f"store(in{i}, first, valid, {n}, ({kind}*)tensors[{i}]);"
                    for i, kind, n in moved
                ),
                "}",
                "}",
                "",
            ]
        )


@contextmanager
def _refusing() -> Iterator[None]:
    """Take whatever goes wrong for a network that has no form here: it is trained all the same."""
    try:
        yield
    except UnsupportedError:
        raise
    except Exception as error:
        raise UnsupportedError(f"it cannot be recorded: {type(error).__name__}: {error}") from error


def _picked(samples: Samples, first: int, batch: int) -> Iterator[str]:
    """Yield the code that loads a step's samples; ``first`` is the first of its tensors among the inputs."""
    sources = [*samples.inputs, *samples.targets]
    rows, tensor = first + len(samples.tensors), first
    for i, source in enumerate(sources):
        width = prod(source.raw.shape[1:])
        own, after = "", tensor + 1
        if source.start is not None:
            own, after = f" + ((const int64_t*)tensors[{after}])[replicate[l]]", after + 1
        kind = TYPES[source.raw.dtype]
        x = f"(const {kind}*)tensors[{tensor}] + row * {width}"
        call = f"plain<{kind}, {width}>({x}"
        if source.affine is not None:
            parts = (source.affine.fill, source.affine.shift, source.affine.scale)
            count = parts[0][0].numel()
            call = (
                f"prepared<{kind}, {TYPES[parts[0].dtype]}, {str(source.missing).lower()},"
                f" {width}, {_alike(source, parts[0])}, {count}>({x}"
            )
            for part in parts:
                call += f", (const {TYPES[part.dtype]}*)tensors[{after}] + replicate[l] * {count}"
                after += 1
        yield (
            f"for (int b = 0; b < {batch}; ++b) {{ alignas(64) T each[LANES * {width}];"
            f" for (int l = 0; l < LANES; ++l) {{"
            f" const int64_t* own = (const int64_t*)tensors[{rows}]"
            f" + (k * replicates + replicate[l]) * {batch};"
            f" const int64_t row = own[b]{own};"
            f" {call}, each + l * {width}); }}"
            f" across<{width}>(each, in{first + i} + b * {width}); }}"
        )
        tensor = after


def _alike(source: Source, part: Tensor) -> int:
    """Return how many consecutive numbers of a sample share a preparation, as those of an image's channel do."""
    features, own = source.raw.shape[1:], [*part.shape[2:]]
    varying = [d for d, n in enumerate(own) if n > 1]
    if varying and own[varying[0] : varying[-1] + 1] != [*features[varying[0] : varying[-1] + 1]]:
        raise UnsupportedError(f"a preparation of {tuple(own)} for samples of {tuple(features)}")
    return prod(features[varying[-1] + 1 :]) if varying else prod(features)


class SimdSteps:
    """Steps of a cohort by a library that was built from `source_of`.

    Args:
        path: of the library.
        arguments: those of the steps that it is first used for.

    Raises:
        OSError: it cannot be loaded.
    """

    def __init__(self, path: Path, arguments: Sequence[Tensor]) -> None:
        self.run = ctypes.CDLL(str(path)).paribus_steps
        self.run.argtypes = [ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p)]
        self.run.restype = None
        self.types = [x.dtype for x in arguments]

    def fits(self, arguments: Sequence[Tensor]) -> bool:
        """Return whether these tensors have the layout that the code reads, for any number of replicates and steps."""
        rows = arguments[-1]
        return (
            [x.dtype for x in arguments] == self.types
            and all(x.is_contiguous() and x.device.type == "cpu" for x in arguments)
            and rows.dtype == torch.int64
            and int(rows.min()) >= 0
        )

    def __call__(self, *arguments: Tensor) -> Tensor:
        """Take steps; returns losses ``(step, replicate)``.

        Args:
            arguments: weights first, of which the first ones are changed in place, and the rows last, all contiguous.
        """
        steps, replicates = arguments[-1].shape[:2]
        losses = torch.empty(steps, replicates, dtype=arguments[0].dtype)
        tensors = [*arguments, losses]
        pointers = (ctypes.c_void_p * len(tensors))(*(x.data_ptr() for x in tensors))
        self.run(replicates, steps, pointers)
        return losses
