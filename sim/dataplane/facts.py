"""Numbers of the world, and names of draws, that the kernel and its oracle must have alike. Plain Python, nothing compiled."""

from __future__ import annotations

# From sending SYN to a closed port on loopback until HAProxy has dealt with the refusal; holds a slot.
# Source: measured with HAProxy 2.8.25, tests/integration/test_model_against_haproxy.py.
REFUSAL_S = 0.0002
# Source: HAProxy 2.8, backend.c, back_handle_st_cer; measured with 2.8.25: with one server left, for every algorithm.
TURN_AROUND_S = 1.0
CLOCK_GRAIN_S = 1e-9  # so that k seconds later is k seconds, whatever the rounding
SHORTEST_S = 1e-6  # a service takes some time

# Source: HAProxy 2.8, backend-t.h and server-t.h: a weight of 1 to 256 is scaled by 16 before it is used.
WEIGHT_SCALE = 16
WEIGHT_RANGE = 256
MAX_WEIGHT = WEIGHT_RANGE * WEIGHT_SCALE

MOST_DRAWS = 256  # draws of one attempt's pick
USERS = 1 << 40  # user u is known as USERS + u
# Calls come from pods, whose addresses are unknown; for `balance source` the k-th pod is 127.100.0.1 plus k.
FIRST_POD_ADDRESS = 0x7F640001
