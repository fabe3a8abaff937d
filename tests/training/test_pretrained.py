"""Pretrained starts: weights of another training, and some of them frozen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from paribus import ParibusError, Pretrained, Recipe, call
from paribus.engines.vmapped.fit import train_together, why_not
from paribus.seeding import Streams
from paribus.training import pretrained
from paribus.training.loop import Training, fitted, train
from paribus.training.network import build, weight_digests
from paribus.training.pretrained import initial_network, named_weights

MODEL = call("paribus.models.mlp:MLP", hidden=[6, 5])
HIDDEN = ("hidden.*",)


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Provide a cache of this test's own, and an empty memory of weights."""
    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path))
    monkeypatch.setattr(pretrained, "_known", {})
    return tmp_path


@pytest.fixture
def source(tiny) -> Pretrained:
    """Another training of the same network, on the table, of nine steps."""
    recipe = tiny["table"].run(MODEL, call("torch.optim:Adam", lr=0.01), steps=9).recipe
    return Pretrained(task=tiny["table"].task, recipe=recipe, load=HIDDEN)


def digests(network: nn.Module, frozen: bool) -> dict[str, str]:
    """Hashes of the weights of hidden layers, or of the others."""
    named = weight_digests(network)
    layers = ("Linear0", "Linear1")
    return {name: found for name, found in named.items() if name.startswith(layers) is frozen}


OPTIMIZERS = {
    "momentum": call("torch.optim:SGD", lr=0.1, momentum=0.9, weight_decay=0.1),
    "adamw": call("torch.optim:AdamW", lr=0.1, weight_decay=0.1),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_frozen_weights_do_not_move_and_the_others_do(tiny, optimizer: str) -> None:
    """By hash; weight decay and momentum leave them alone as well."""
    run = tiny["table"].run(MODEL, OPTIMIZERS[optimizer], freeze=HIDDEN, clip_norm=1.0)
    before = initial_network(run, tiny["table"].make_split(), fitted).network.double()
    after, progress = fitted(run, tiny["table"].make_split())
    assert progress.steps == 6
    assert digests(before, frozen=True) == digests(after.network, frozen=True)
    moved = digests(after.network, frozen=False)
    assert not set(digests(before, frozen=False).values()) & set(moved.values())


def test_only_what_is_trained_is_counted(tiny) -> None:
    """The head: 5 weights and a bias; diagnostics look at its gradient alone."""
    gradients = (call("paribus.metrics.diagnostics:gradient_norms"),)
    run = tiny["table"].run(MODEL, freeze=HIDDEN, diagnostics=gradients)
    record = train(run, tiny["table"].make_split())
    assert record.parameters == 6
    assert "gradient_norm/0" in record.scores
    assert "gradient_norm/1" not in record.scores


def test_frozen_weights_that_diagnostics_look_at_are_left_to_the_loop(tiny) -> None:
    gradients = (call("paribus.metrics.diagnostics:gradient_norms"),)
    assert why_not(tiny["table"].run(MODEL, freeze=HIDDEN)) == ""
    found = why_not(tiny["table"].run(MODEL, freeze=HIDDEN, diagnostics=gradients))
    assert found == "some weights are frozen, and diagnostics are taken"


def test_what_is_taken_over_is_what_the_other_training_came_to(tiny, source: Pretrained) -> None:
    """Trained by hand with the same seed; the head is the one that would have been drawn anyway."""
    run = tiny["table"].run(MODEL, seed=2, start=source)
    network = initial_network(run, tiny["table"].make_split(2), fitted).network
    there, _ = fitted(replace(run, recipe=source.recipe), tiny["table"].make_split(2))
    plain = build(source.recipe, tiny["table"].dataset, run.streams)
    for name, value in network.state_dict().items():
        other = there.network if name.startswith("hidden") else plain
        assert torch.equal(value.double(), other.state_dict()[name].float().double()), name
    assert digests(network, frozen=False) == digests(plain, frozen=False)


def test_every_variant_starts_from_the_same_numbers(tiny, source: Pretrained, cache: Path) -> None:
    """Trained once: a second variant finds them in memory, another process in the cache, with the same outcome."""
    runs = [tiny["table"].run(MODEL, start=source, freeze=freeze) for freeze in ((), HIDDEN)]
    split = tiny["table"].make_split()
    first, second = (Training(run, split).initial for run in runs)
    assert first == second
    (kept,) = cache.glob("weights-*.pt")
    written = kept.stat().st_mtime_ns
    pretrained._known.clear()
    assert Training(runs[0], split).initial == first
    assert kept.stat().st_mtime_ns == written
    pretrained._known.clear()
    kept.write_bytes(b"broken")
    assert Training(runs[0], split).initial == first


def test_another_source_another_seed_or_other_steps_are_other_weights(
    tiny, source: Pretrained
) -> None:
    longer = source.model_copy(update={"recipe": source.recipe.model_copy(update={"steps": 12})})
    found = set()
    for begun, seed in ((source, 0), (longer, 0), (source, 1), (None, 0)):
        run = tiny["table"].run(MODEL, start=begun, seed=seed)
        found.add(
            digests(
                initial_network(run, tiny["table"].make_split(seed), fitted).network, frozen=True
            )["Linear0.bias(6,) of (6, 4)"]
        )
        assert begun is None or run.key != tiny["table"].run(MODEL, seed=seed).key
    assert len(found) == 4


@pytest.mark.parametrize("freeze", [(), HIDDEN], ids=["all trained", "in part"])
def test_the_stacked_engine_starts_from_there_too(
    tiny, source: Pretrained, freeze: tuple[str, ...]
) -> None:
    settings = {"start": source, "freeze": freeze}
    runs = [tiny["table"].run(MODEL, seed=seed, **settings) for seed in range(3)]
    splits = [tiny["table"].make_split(seed) for seed in range(3)]
    for together, run, split in zip(train_together(runs, splits), runs, splits, strict=True):
        alone = train(run, split)
        assert together.hashes == alone.hashes
        assert together.scores == pytest.approx(alone.scores, abs=1e-10, nan_ok=True)


def test_a_recipe_with_a_start_comes_back_from_its_text(tiny, source: Pretrained) -> None:
    recipe = tiny["table"].run(MODEL, start=source, freeze=HIDDEN).recipe
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


@pytest.mark.parametrize(
    ("settings", "what"),
    [({"freeze": ("head.*",)}, "freeze: got 'head.*'"), ({"load": ("x",)}, "start.load: got 'x'")],
)
def test_a_pattern_that_fits_nothing_is_refused(tiny, source, settings: Any, what: str) -> None:
    load = settings.pop("load", HIDDEN)
    recipe = (
        tiny["table"].run(MODEL, start=source.model_copy(update={"load": load}), **settings).recipe
    )
    network = build(recipe, tiny["table"].dataset, Streams(0))
    with pytest.raises(ParibusError) as refused:
        named_weights(recipe, network)
    expected = f"recipe.{what}, expected a pattern that fits some of hidden.0.linear.weight, "
    assert f"{refused.value}".startswith(expected)


def test_a_source_that_fails_is_told(tiny, source: Pretrained) -> None:
    wild = source.recipe.model_copy(update={"optimizer": call("torch.optim:SGD", lr=1e200)})
    run = tiny["table"].run(MODEL, start=source.model_copy(update={"recipe": wild}))
    with pytest.raises(ParibusError, match=r"to start from, with seed 0: got diverged: "):
        train(run, tiny["table"].make_split())


@pytest.mark.slow
def test_the_weights_of_a_torchvision_backbone_stay_frozen(tiny) -> None:
    """Densenet121 with 1024 to 500 to 1 in place of its head: three steps on pictures in colour."""
    images = tiny["images"].dataset.inputs[0].repeat(1, 3, 6, 6)
    data = tiny["table"].changed(inputs=(images,), feature_axes=(1,))
    model = call("paribus.models.backbone:backbone", name="densenet121", hidden=500)
    run = data.run(model, freeze=("features.*",), steps=3, dtype="float32", evaluate_every=3)
    before = initial_network(run, data.make_split(), fitted).network
    head = before.classifier
    assert [(m.in_features, m.out_features) for m in (head[0], head[2])] == [(1024, 500), (500, 1)]
    training = Training(run, data.make_split())
    training.advance(3)
    old, new = (dict(n.named_parameters()) for n in (before, training.network))
    same = {name for name in old if torch.equal(old[name], new[name])}
    assert same == {name for name in old if name.startswith("features.")}
    assert sum(p.numel() for p in new.values() if p.requires_grad) == 1024 * 500 + 500 + 500 + 1
