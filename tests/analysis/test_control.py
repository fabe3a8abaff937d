"""Control where networks start weights themselves: told and compared, and no licence for anything else."""

from __future__ import annotations

from typing import Any

from paribus.experiment.factor import Factor
from paribus.report.starts import start_lines
from paribus.runs.store import Store
from paribus.spec import call
from tests.helpers.handmade import SEEDS, Bench, filled

WEIGHT, BIAS, HEAD = "Linear0.weight(4, 2)", "Linear0.bias(4,) of (4, 2)", "Linear1.weight(1, 4)"


def starting(bench: Bench, name: str, own: dict[str, bool], **weights: str) -> Bench:
    """Let a variant's network start weights itself, with hashes that say so; ``{seed}`` stands for the seed."""
    for seed in range(SEEDS):
        drawn = {n: f"{n}{seed}" for n in (WEIGHT, BIAS, HEAD)}
        drawn |= {n: text.format(seed=seed) for n, text in weights.items()}
        hashes: dict[str, Any] = {"data": "d", "split": f"split{seed}", "order": f"order{seed}"}
        bench.perturb(name, seed, hashes=hashes | {"init": drawn}, network={"own": own})
    return bench


def models(store: Store) -> Bench:
    """Return a bench whose variants differ in their networks."""
    names = ("sgd", "adam", "rmsprop")
    levels = {name: call("tests.helpers.toys:Small", hidden=i + 2) for i, name in enumerate(names)}
    return filled(store, factors=(Factor("recipe.model", levels),))


def test_one_model_that_starts_differently_breaks_control(store) -> None:
    """Whoever drew its weights, they are not part of what is compared."""
    control = starting(filled(store), "adam", {HEAD: True}, **{HEAD: "zeros"}).result().control
    assert control.broken[0] == "init of seed 0 differs between 'sgd' and 'adam'"


def test_a_start_of_a_networks_own_is_compared_and_not_broken_control(store) -> None:
    result = starting(models(store), "adam", {HEAD: True}, **{HEAD: "zeros"}).result()
    control = result.control
    assert (control.broken, control.own, control.fixed) == ((), {"adam": (HEAD,)}, {})
    assert control.checked[-1] == (
        "a seed's initial weights, layer by layer, wherever kind and shape of the layer match, but for those that "
        "the networks start themselves"
    )
    assert "adam" in result.contrasts
    assert start_lines(result) == [
        "- The networks start some weights themselves, and not as `sgd` does: `adam` Linear1 (weight). These starts "
        "are part of what is compared; all other weights of one kind and shape are paired by hash."
    ]


def test_own_draws_that_agree_are_paired_and_no_news(store) -> None:
    result = starting(filled(store), "adam", {HEAD: False}).result()
    assert result.control.own == {}
    assert start_lines(result) == []


def test_a_weight_that_no_network_set_still_breaks_control(store) -> None:
    weights = {HEAD: "zeros", WEIGHT: "else{seed}"}
    control = starting(models(store), "adam", {HEAD: True}, **weights).result().control
    assert control.broken[0] == "init of seed 0 differs between 'sgd' and 'adam'"
    assert len(control.broken) == SEEDS


def test_weights_that_seeds_do_not_vary_are_told(store) -> None:
    own = {WEIGHT: False, BIAS: True, HEAD: False, "buffer Position0.table(9,)": False}
    weights = {WEIGHT: "loaded", BIAS: "zero"}
    result = starting(filled(store), "adam", own, **weights).result()
    assert result.control.fixed == {"adam": (WEIGHT,)}
    assert start_lines(result)[0].splitlines()[1] == (
        "- Set by the network to the same numbers for every seed: `adam` Linear0 (weight). Seeds vary the rest."
    )


def test_remarks_on_networks_stand_once_with_those_they_hold_for(store) -> None:
    bench = filled(store)
    for seed in range(SEEDS):
        for name, notes in (
            ("adam", ["drawn", "loud"]),
            ("rmsprop", ["drawn"]),
            ("sgd", ["drawn"]),
        ):
            bench.perturb(name, seed, network={"notes": notes})
    assert start_lines(bench.result()) == ["- drawn\n- adam: loud"]
