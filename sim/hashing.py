"""HAProxy's hashes: where a key falls among the servers. 32-bit arithmetic, as in C."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MASK = 0xFFFFFFFF


def sdbm(key: bytes) -> int:
    """The string hash of uri, hdr and url_param. Source: HAProxy 2.8 manual, "hash-type", function sdbm."""
    value = 0
    for byte in key:
        value = (byte + (value << 6) + (value << 16) - value) & _MASK
    return value


def avalanche(value: int) -> int:
    """Full avalanche of a 32-bit integer: Bob Jenkins' six shifts, then a multiplication.

    Applied to ring points, and to keys under `hash-type consistent` without further words.
    Source: http://burtleburtle.net/bob/hash/integer.html; HAProxy 2.8, full_hash and "hash-type".
    """
    value = (value + 0x7ED55D16 + (value << 12)) & _MASK
    value = ((value ^ 0xC761C23C) ^ (value >> 19)) & _MASK
    value = (value + 0x165667B1 + (value << 5)) & _MASK
    value = ((value + 0xD3A2646C) ^ (value << 9)) & _MASK
    value = (value + 0xFD7046C5 + (value << 3)) & _MASK
    value = ((value ^ 0xB55A4F09) ^ (value >> 16)) & _MASK
    return (value * 3221225473) & _MASK


def avalanche_all(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """`avalanche` of each of an array, any shape."""
    a = values.astype(np.uint64)
    mask = np.uint64(_MASK)
    a = (a + np.uint64(0x7ED55D16) + (a << np.uint64(12))) & mask
    a = (a ^ np.uint64(0xC761C23C)) ^ (a >> np.uint64(19))
    a = (a + np.uint64(0x165667B1) + (a << np.uint64(5))) & mask
    a = ((a + np.uint64(0xD3A2646C)) ^ (a << np.uint64(9))) & mask
    a = (a + np.uint64(0xFD7046C5) + (a << np.uint64(3))) & mask
    a = (a ^ np.uint64(0xB55A4F09)) ^ (a >> np.uint64(16))
    return ((a * np.uint64(3221225473)) & mask).astype(np.uint32)
