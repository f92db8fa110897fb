"""Chance as a function: the number that belongs to a thing, without drawing those of other things before it.

A draw is named by a key (seed, replication, cause, part) and the index of the thing. The numbers of one key are
those of the SplitMix64 generator seeded with it, taken at any place. Source: Steele, Lea and Flood, "Fast
splittable pseudorandom number generators", OOPSLA 2014.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.dataplane.compiled import compiled, inlined

CONSTANT, EXPONENTIAL, LOGNORMAL, SAMPLE = range(4)

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_PART = np.uint64(0xD1B54A32D192ED03)
_ONE_53RD = 2.0**-53
_U0, _U1, _U11, _U27, _U30, _U31, _U32 = (np.uint64(n) for n in (0, 1, 11, 27, 30, 31, 32))
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_TINY = float(np.finfo(np.float64).tiny)


@inlined
def mixed(value: Any) -> Any:
    """SplitMix64's finaliser: uint64 in, uint64 out."""
    value = (value ^ (value >> _U30)) * _MIX_1
    value = (value ^ (value >> _U27)) * _MIX_2
    return value ^ (value >> _U31)


@inlined
def part_key(key: Any, part: int) -> Any:
    """The key of one part (an attempt, the n-th draw of a pick) of a cause; uint64."""
    return mixed(key + np.uint64(part) * _PART)


@inlined
def bits(key: Any, index: int) -> Any:
    """64 random bits for a thing."""
    return mixed(key + (np.uint64(index) + _U1) * _GOLDEN)


@inlined
def uniform(key: Any, index: int) -> float:
    """A uniform number of [0, 1) for a thing."""
    return float(bits(key, index) >> _U11) * _ONE_53RD


@inlined
def bits_32(key: Any, index: int) -> int:
    """32 random bits for a thing, as a non-negative int64."""
    return np.int64(bits(key, index) >> _U32)  # type: ignore[return-value]  # an int in Python's eyes


@compiled
def child(who: int, number: int, edge: int) -> int:
    """The name of the thing that attempt `number` of thing `who` begets along `edge`: a call, or a user's next request."""
    key = mixed(np.uint64(who) + np.uint64(number + 1) * _GOLDEN)
    return np.int64(mixed(key + np.uint64(edge + 1) * _PART) >> _U1)  # type: ignore[return-value]  # as above


@compiled
def normal_quantile(p: float) -> float:
    """Inverse of the standard normal distribution function, to about 1e-16. Source: Wichura, AS 241 (PPND16), 1988."""
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        top = 2.5090809287301226727e3 * r + 3.3430575583588128105e4
        top = ((top * r + 6.7265770927008700853e4) * r + 4.5921953931549871457e4) * r + 1.3731693765509461125e4
        top = ((top * r + 1.9715909503065514427e3) * r + 1.3314166789178437745e2) * r + 3.3871328727963666080e0
        low = 5.2264952788528545610e3 * r + 2.8729085735721942674e4
        low = ((low * r + 3.9307895800092710610e4) * r + 2.1213794301586595867e4) * r + 5.3941960214247511077e3
        low = ((low * r + 6.8718700749205790830e2) * r + 4.2313330701600911252e1) * r + 1.0
        return q * top / low
    r = np.sqrt(-np.log(min(p, 1.0 - p)))
    if r <= 5.0:
        r -= 1.6
        top = 7.74545014278341407640e-4 * r + 2.27238449892691845833e-2
        top = ((top * r + 2.41780725177450611770e-1) * r + 1.27045825245236838258e0) * r + 3.64784832476320460504e0
        top = ((top * r + 5.76949722146069140550e0) * r + 4.63033784615654529590e0) * r + 1.42343711074968357734e0
        low = 1.05075007164441684324e-9 * r + 5.47593808499534494600e-4
        low = ((low * r + 1.51986665636164571966e-2) * r + 1.48103976427480074590e-1) * r + 6.89767334985100004550e-1
        low = ((low * r + 1.67638483018380384940e0) * r + 2.05319162663775882187e0) * r + 1.0
    else:
        r -= 5.0
        top = 2.01033439929228813265e-7 * r + 2.71155556874348757815e-5
        top = ((top * r + 1.24266094738807843860e-3) * r + 2.65321895265761230930e-2) * r + 2.96560571828504891230e-1
        top = ((top * r + 1.78482653991729133580e0) * r + 5.46378491116411436990e0) * r + 6.65790464350110377720e0
        low = 2.04426310338993978564e-15 * r + 1.42151175831644588870e-7
        low = ((low * r + 1.84631831751005468180e-5) * r + 7.86869131145613259100e-4) * r + 1.48753612908506148525e-2
        low = ((low * r + 1.36929880922735805310e-1) * r + 5.99832206555887937690e-1) * r + 1.0
    return -top / low if q < 0.0 else top / low


@compiled
def quantile(family: int, a: float, b: float, sample: Any, u: float) -> float:
    """Inverse distribution function at u of [0, 1).

    CONSTANT a; EXPONENTIAL of mean a; LOGNORMAL, log of median a and sigma b; SAMPLE (n,) ascending, linear between
    neighbours.
    """
    if family == CONSTANT:
        return a
    if family == EXPONENTIAL:
        return float(-a * np.log1p(-u))
    if family == LOGNORMAL:
        # a uniform draw of exactly 0 would be minus infinity in the exponent
        return float(np.exp(a + b * normal_quantile(max(u, _TINY))))
    place = u * (sample.size - 1)
    below = int(place)
    if below + 1 >= sample.size:
        return float(sample[sample.size - 1])
    return float(sample[below] + (place - below) * (sample[below + 1] - sample[below]))


@compiled
def quantiles(family: int, a: float, b: float, sample: Any, u: Any) -> Any:
    """`quantile` of each of (n,) numbers."""
    values = np.empty(u.size)
    for i in range(u.size):
        values[i] = quantile(family, a, b, sample, u[i])
    return values
