from __future__ import annotations

import numpy as np

from sim.streams import CAUSES, Sequence, Streams


def test_the_same_name_gives_the_same_numbers_whatever_else_is_drawn() -> None:
    first = Streams(5, 2).generator("service").random(4)
    streams = Streams(5, 2)
    for cause in CAUSES:
        streams.generator(cause, 7).random(100)
    assert (streams.generator("service").random(4) == first).all()


def test_seed_replication_cause_and_part_all_tell_streams_apart() -> None:
    drawn = {
        Streams(seed, replication).generator(cause, part).random()
        for seed in (1, 2)
        for replication in (0, 1)
        for cause in CAUSES
        for part in (0, 1)
    }
    assert len(drawn) == 2 * 2 * len(CAUSES) * 2


def test_each_replication_has_arrivals_of_its_own() -> None:
    assert len({Streams(1, replication).schedule_seed() for replication in range(100)}) == 100
    assert Streams(1, 3).schedule_seed() == Streams(1, 3).schedule_seed()


def test_the_kth_draw_of_a_sequence_does_not_depend_on_when_it_is_asked_for() -> None:
    def sequence() -> Sequence:
        return Sequence(np.random.default_rng(3), lambda u: 10 * u)

    one, other = sequence(), sequence()
    assert other[200] == [one[k] for k in range(201)][200]
    assert 0 <= one[0] < 10
