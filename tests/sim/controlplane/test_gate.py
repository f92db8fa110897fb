from __future__ import annotations

from sim.controlplane.gate import Gate


def test_an_open_gate_lets_through_at_once() -> None:
    done: list[str] = []
    Gate().send(lambda: done.append("a"))
    assert done == ["a"]


def test_what_comes_while_it_is_shut_runs_in_order_when_it_opens() -> None:
    gate, done = Gate(), list[str]()
    gate.shut()
    for word in "abc":
        gate.send(lambda word=word: done.append(word))  # type: ignore[misc]
    assert (gate.is_open, done) == (False, [])
    gate.reopen()
    assert (gate.is_open, done) == (True, ["a", "b", "c"])


def test_overlapping_cuts_end_with_the_last() -> None:
    gate, done = Gate(), list[str]()
    gate.shut()
    gate.shut()
    gate.send(lambda: done.append("a"))
    gate.reopen()
    assert done == []
    gate.reopen()
    assert done == ["a"]


def test_what_an_action_sends_while_the_gate_opens_does_not_overtake_itself() -> None:
    gate, done = Gate(), list[str]()
    gate.shut()

    def first() -> None:
        gate.send(lambda: done.append("sent by the first"))
        done.append("first")

    gate.send(first)
    gate.send(lambda: done.append("second"))
    gate.reopen()
    assert done == ["sent by the first", "first", "second"]
