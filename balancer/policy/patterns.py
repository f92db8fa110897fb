"""Regular expressions, sample expressions and conditions of others, as far as they can do no harm to the rest.

A pattern that HAProxy's library refuses would cost everybody the next configuration, so only what Python's and PCRE's
notation have in common is taken. Of HAProxy's samples only those that look at the request at hand are.
"""

from __future__ import annotations

import re
import shlex
import warnings
from collections.abc import Callable

from balancer.policy.config import Condition
from balancer.policy.values import NotAllowedError, networks

_LONGEST = 500
_PATTERN = re.compile(r"[ -~]{1,500}")
_ESCAPES = re.compile(r"\\(?![dDwWsSbB]|[!-/:-@\[-`{-~])")
# `(?:` aside, each of these means something else, or nothing, in the other notation; counts after a group can explode.
_FOREIGN = re.compile(r"\(\?(?!:)|\(\*|\)\{|\{[^}]*[0-9]{4}|\{,")
_NAMED_CLASS = re.compile(r"\[\^?([.:=]).*\1\]")
_CLASS = re.compile(r"\[\^?\]?[^\]]*\]")
# What follows is repeated by both only after something that can be.
_REPEATED_NOTHING = re.compile(r"\\[bB][*+?{]|[$^][*+?{]|\(\)[*+?{]")

_NAME = r"[A-Za-z0-9_.$-]{1,100}"
_CONVERTERS = r"(?:,(?:lower|upper|host_only|port_only|url_enc|url_dec|base64|hex))*"
_ANYWHERE = r"src|src_port|dst|dst_port|ssl_fc|ssl_fc_sni|ssl_fc_protocol|ssl_fc_cipher|uuid(?:\(\))?|date(?:\(\))?"
_OF_A_REQUEST = (
    rf"path|pathq|query|url|base|method|(?:req\.)?f?hdr\({_NAME}\)|(?:cookie|req\.cook|url_param|urlp)\({_NAME}\)"
)
_OF_AN_ANSWER = rf"status|res\.f?hdr\({_NAME}\)"
_REQUEST_SAMPLE = re.compile(rf"(?:{_ANYWHERE}|{_OF_A_REQUEST}){_CONVERTERS}")
_ANSWER_SAMPLE = re.compile(rf"(?:{_ANYWHERE}|{_OF_AN_ANSWER}){_CONVERTERS}")

NEVER = Condition("always_false")
_TEXT_MATCHES = ("str", "beg", "end", "sub", "dir", "dom", "reg")
_SHORT = re.compile(rf"(path|url|base|hdr|cook|urlp)_({'|'.join(_TEXT_MATCHES[1:])})(\({_NAME}\))?")
_LONG_NAMES = {"hdr": "req.hdr", "cook": "req.cook", "cookie": "req.cook", "url_param": "urlp", "fhdr": "req.fhdr"}
_TEXTS = re.compile(
    rf"(?:path|pathq|query|url|base|method|ssl_fc_sni|(?:(?:req\.)?f?hdr|cookie|req\.cook|url_param|urlp)\({_NAME}\))"
    rf"{_CONVERTERS}"
)
_NUMBERS = re.compile(r"rand\([1-9][0-9]{0,6}\)|src_port|dst_port")
_COMPARED = re.compile(r"(?:(?:eq|ge|gt|le|lt) )?[0-9]{1,9}")
_CONDITION = (
    "one ACL on the request at hand, such as `cookie(staging) -m found`, `hdr(X-Team) -m str -i red blue`,"
    " `path_beg /beta`, `src 10.0.0.0/8` or `rand(100) lt 10`; this route is taken by nobody"
)


def is_pattern(text: str) -> bool:
    """Whether it is a regular expression that Python and PCRE read alike."""
    if not _PATTERN.fullmatch(text):
        return False
    bare = re.sub(r"\\\\|\\[\[\]{}()^$]", "_", text)  # an escaped bracket opens nothing
    if _ESCAPES.search(text.replace("\\\\", "")) or _NAMED_CLASS.search(bare):
        return False
    bare = _CLASS.sub("_", bare)
    if _FOREIGN.search(bare) or _REPEATED_NOTHING.search(bare):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(text)
    except (re.error, Warning, OverflowError, RecursionError):
        return False
    return True


def is_request_sample(text: str) -> bool:
    """Whether it is a sample expression that may be evaluated when a request comes."""
    return _REQUEST_SAMPLE.fullmatch(text) is not None


def is_answer_sample(text: str) -> bool:
    """Whether it is a sample expression that may be evaluated when an answer goes."""
    return _ANSWER_SAMPLE.fullmatch(text) is not None


def condition(text: str) -> Condition:
    """One ACL in HAProxy's words; what cannot be read holds for no request, rather than for all."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = []
    found = _condition(words) if words and re.fullmatch(r"[ -~]{1,2000}", text.strip()) else None
    if found is None or len(found.values) > 40:
        raise NotAllowedError(_CONDITION, NEVER)
    return found


def _condition(words: list[str]) -> Condition | None:
    fetch, *rest = words
    how = None
    short = _SHORT.fullmatch(fetch)
    if short:
        fetch, how = short[1] + (short[3] or ""), short[2]
    flags: list[str] = []
    while rest and rest[0].startswith("-"):
        flag = rest.pop(0)
        if flag == "-i":
            flags.append(flag)
        elif flag == "-m" and rest:
            how = rest.pop(0)
        elif flag == "--":
            break
        else:
            return None
    name, bracket, argument = fetch.partition("(")
    fetch = _LONG_NAMES.get(name, name) + bracket + argument
    return _compared(fetch, how, flags, tuple(rest))


def _compared(fetch: str, how: str | None, flags: list[str], values: tuple[str, ...]) -> Condition | None:
    """The condition when fetch, way of comparing and values fit together."""
    if how == "found" and _TEXTS.fullmatch(fetch):
        return None if values or flags else Condition(fetch, ("-m", "found"))
    if fetch == "ssl_fc":
        return None if values or flags or how not in {None, "bool"} else Condition(fetch)
    if fetch == "src":
        return _from(values) if how in {None, "ip"} and not flags else None
    if _NUMBERS.fullmatch(fetch):
        fits = how in {None, "int"} and not flags and _COMPARED.fullmatch(" ".join(values))
        return Condition(fetch, ("-m", "int"), values) if fits else None
    if not _TEXTS.fullmatch(fetch) or not values or (how or "str") not in _TEXT_MATCHES:
        return None
    good: Callable[[str], bool] = is_pattern if how == "reg" else bool
    return Condition(fetch, (*flags, "-m", how or "str"), values) if all(map(good, values)) else None


def _from(values: tuple[str, ...]) -> Condition | None:
    try:
        return Condition("src", (), networks(" ".join(values)))
    except NotAllowedError:
        return None
