"""How many requests a server may serve at once now. Source: HAProxy 2.8, queue.c, srv_dynamic_maxconn."""

from __future__ import annotations

import numpy as np

from sim.dataplane.compiled import inlined
from sim.dataplane.facts import CLOCK_GRAIN_S
from sim.dataplane.memory import Root, backends, groups, real, seats
from sim.dataplane.tables import NOW_S


@inlined
def limit_of(s: Root, seat: int) -> int:
    """How many requests a server may serve at once now; 0 is unlimited."""
    server = seats(s)[seat]
    limit = server.maxconn
    if limit == 0:
        return 0
    group = server.group
    g = groups(s)[group]
    backend = g.backend
    b = backends(s)[backend]
    fullconn, present = b.fullconn, g.present
    if server.minconn > 0 and fullconn > 0 and present < fullconn:
        limit = min(limit, max(server.minconn, present * limit // fullconn))
    joined_s = server.joined_s
    if joined_s >= 0.0:  # NaN unless it starts slowly
        slow_s = b.slowstart_s
        elapsed_s = np.int64(np.floor(real(s)[NOW_S] - joined_s + CLOCK_GRAIN_S))
        if elapsed_s < slow_s:
            limit = max(1, limit * (100 * elapsed_s // slow_s) // 100)
    return limit


@inlined
def has_room(s: Root, seat: int) -> bool:
    """Whether one more request would be served at once."""
    server = seats(s)[seat]
    limit = limit_of(s, seat)
    return limit == 0 or (server.queued == 0 and server.served < limit)
