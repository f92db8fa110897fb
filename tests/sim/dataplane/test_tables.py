from __future__ import annotations

from scenarios.figures import FATES
from sim.dataplane import tables as t


def test_fates_are_the_ones_of_an_outcome() -> None:
    named = {
        "ok": t.OK, "queue_timeout": t.QUEUE_TIMEOUT, "rate_limited": t.RATE_LIMITED, "denied": t.DENIED,
        "no_server": t.NO_SERVER, "connect": t.CONNECT, "server_error": t.SERVER_ERROR,
        "client_timeout": t.CLIENT_TIMEOUT,
    }  # fmt: skip
    assert {name: FATES[code] for name, code in named.items()} == {name: name for name in named}
    assert len(FATES) == t.FATE_COUNT


def test_every_column_is_eight_bytes_so_that_rows_are_aligned() -> None:
    for table in (t.EVENT, t.ARRIVAL, t.KIND, t.BACKEND, t.GROUP, t.SEAT, t.POD, t.ATTEMPT, t.LANE, t.TIMER, t.RECORD):
        assert table.names is not None
        assert {table[name].base.itemsize for name in table.names} == {8}
