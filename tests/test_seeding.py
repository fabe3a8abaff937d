"""Named randomness: the same name gives the same numbers, another name others."""

from __future__ import annotations

import torch

from paribus.seeding import PURPOSES, Streams
from tests.helpers.refusals import refused


def test_a_number_is_the_same_on_every_machine_and_version() -> None:
    """First 63 bits of the SHA-256 of ``7//init/Linear/0``, by an independent tool (``printf | sha256sum``)."""
    assert Streams(7).number("init", "Linear", 0) == 0x5885436EEC02DA13 >> 1


def test_purposes_seeds_salts_and_names_draw_different_numbers() -> None:
    streams = [Streams(seed, salt) for seed in (0, 1) for salt in ("", "a")]
    numbers = [
        s.number(purpose, *names)
        for s in streams
        for purpose in PURPOSES
        for names in ((), (0,), (1,))
    ]
    assert len(numbers) == len(set(numbers))


def test_numbers_fit_a_seed_of_torch() -> None:
    assert all(0 <= Streams(seed).number("order") < 2**63 for seed in range(100))


def test_a_generator_starts_afresh_each_time_and_leaves_the_global_one_alone() -> None:
    before = torch.get_rng_state()
    first = torch.rand(5, generator=Streams(3).generator("noise", "dropout", 2))
    again = torch.rand(5, generator=Streams(3).generator("noise", "dropout", 2))
    assert torch.equal(first, again)
    assert torch.equal(before, torch.get_rng_state())


def test_a_purpose_that_is_drawn_anew_has_the_numbers_of_its_own_seed_and_no_other_changes() -> (
    None
):
    redrawn = Streams(3, "a", 2, (("init", 8),))
    for purpose in PURPOSES:
        seed = 8 if purpose == "init" else 3
        assert redrawn.number(purpose, 1) == Streams(seed, "a", 2).number(purpose, 1)
    assert redrawn.seed_of("data") == 3


def test_an_unknown_purpose_is_refused() -> None:
    assert refused(Streams(0).number, "luck") == (
        "purpose of a random stream: got 'luck', expected one of split, search, init, order, noise. "
        "Name the purpose that the draw serves."
    )
