"""What stands in annotations on single requests: hosts, redirects, rewrites, CORS, passwords, names of cookies.

Every reader raises `NotAllowedError`, whose text says what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from balancer.policy.config import Header, Origins, Rewrite
from balancer.policy.patterns import is_answer_sample, is_pattern, is_request_sample
from balancer.policy.snippets import DIRECTIVES, is_directive
from balancer.policy.values import TOKEN, NotAllowedError, duration_s

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,250}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?"
_HOST_AND_PORT = re.compile(_HOST)
_TARGET = re.compile(rf"(?:(https?)://)?({_HOST}(?:/[A-Za-z0-9._~!$&()*+,;=:@/-]{{0,500}})?)")
# A path and its query, in which \0 to \9 are what the pattern found. Source: RFC 3986, 3.3 and 3.4.
_REPLACEMENT = re.compile(r"(?:[A-Za-z0-9._~!$&()*+,;=:@/?'-]|%[0-9A-Fa-f]{2}|\\[0-9]){1,1000}")
_MOST_REWRITES = 20
# No browser says that it comes from here: the list of someone whose list cannot be read.
_NO_ORIGIN = Origins(("https://nobody.invalid",))
_PRINTABLE = re.compile(r"[\t -~]{1,4000}")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
# They frame the message or belong to one connection: HAProxy's own to set. Source: RFC 9110, 7.6.1; RFC 9112, 6.
_FRAMING = {"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
_ORIGIN = re.compile(rf"https?://{_HOST}|null")
_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "CONNECT", "OPTIONS", "TRACE", "PATCH")
_REALM = re.compile(r"[ !#-\[\]-~]{1,200}")
_SECRET = re.compile(r"(?:[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/)?[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_COOKIE = re.compile(r"[0-9A-Za-z_.-]{1,64}")


def request_headers(text: str) -> tuple[Header, ...]:
    """Headers on the way to the pod; see `_headers`."""
    return _headers(text, is_request_sample, "src, method, path, req.hdr(NAME), ssl_fc, uuid")


def response_headers(text: str) -> tuple[Header, ...]:
    """Headers on the way to the client; see `_headers`."""
    return _headers(text, is_answer_sample, "src, status, res.hdr(NAME), ssl_fc, uuid")


def _headers(text: str, is_sample: Callable[[str], bool], samples: str) -> tuple[Header, ...]:
    """Lines of a name, a space, and a value, which may stand in double quotes; good lines of a bad lot hold.

    A value that is one `%[...]` of a known sample is evaluated; anywhere else `%[` stands for itself, which is told.
    """
    good, bad, literal = [], [], False
    for line in filter(None, (line.strip() for line in text.split("\n"))):
        name, _, value = line.partition(" ")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        sample = value[2:-1].strip() if value.startswith("%[") and value.endswith("]") else None
        if not TOKEN.fullmatch(name) or name.lower() in _FRAMING or not _PRINTABLE.fullmatch(value):
            bad.append(name)
        elif sample is not None and is_sample(sample):
            good.append(Header(name, sample, evaluated=True))
        else:
            literal = literal or "%[" in value
            good.append(Header(name, value))
    if bad or not good:
        allowed = "lines of a header name, a space and a value of printable ASCII; no header that frames the message"
        raise NotAllowedError(allowed, tuple(good))
    if literal:
        known = f"%[...] as a whole value, of {samples} and the like; it is sent to the letter as it stands"
        raise NotAllowedError(known, tuple(good))
    return tuple(good)


def host(text: str) -> str:
    """A host, and perhaps a port."""
    if not _HOST_AND_PORT.fullmatch(text.strip()):
        raise NotAllowedError("a host, or host:port, to the letter")
    return text.strip()


def redirect(text: str) -> dict[str, str | None]:
    """`host`, `host:port`, each also behind `http://` or `https://` and before the beginning of a path."""
    found = _TARGET.fullmatch(text.strip())
    if found is None:
        raise NotAllowedError("host or host:port, perhaps with https:// before it; path and query are kept")
    return {"host": found[2].rstrip("/"), "scheme": found[1]}


def rewrites(text: str) -> tuple[Rewrite, ...]:
    """Lines of a path, or of a pattern and what takes its place; good lines of a bad lot hold."""
    good, bad = [], []
    for line in filter(None, (line.strip() for line in text.split("\n"))):
        *pattern, replacement = line.split()
        where = pattern[0] if pattern else "(.*)"
        if len(pattern) <= 1 and is_pattern(where) and _REPLACEMENT.fullmatch(replacement):
            good.append(Rewrite(where, replacement))
        else:
            bad.append(line)
    if bad or not good or len(good) > _MOST_REWRITES:
        allowed = rf"lines of a path, or of a regular expression and a path with \1 to \9; at most {_MOST_REWRITES}"
        raise NotAllowedError(allowed, tuple(good[:_MOST_REWRITES]))
    return tuple(good)


def origins(text: str) -> Origins:
    """`*`, origins to the letter, or a regular expression; what cannot be read lets in nobody's origin."""
    words = [word for word in re.split(r"[,\s]+", text) if word]
    if words == ["*"]:
        return Origins()
    if words and all(map(_ORIGIN.fullmatch, words)):
        return Origins(exactly=tuple(words))
    if not is_pattern(text.strip()):
        raise NotAllowedError("*, origins such as https://shop.example, or a regular expression", _NO_ORIGIN)
    return Origins(pattern=text.strip())


def methods(text: str) -> str:
    """`*`, or names of methods; returned as a header's value."""
    words = [word.upper() for word in re.split(r"[,\s]+", text) if word]
    if words != ["*"] and (not words or not set(words) <= set(_METHODS)):
        raise NotAllowedError(f"*, or some of {', '.join(_METHODS)}")
    return ", ".join(words)


def header_names(text: str) -> str:
    """`*`, or names of headers; returned as a header's value."""
    words = [word for word in re.split(r"[,\s]+", text) if word]
    if not words or not all(map(TOKEN.fullmatch, words)) or len(words) > 100:
        raise NotAllowedError("*, or names of headers, separated by commas")
    return ", ".join(words)


def header_name(text: str) -> str:
    """The name of one header that is looked at."""
    if not _PLAIN_NAME.fullmatch(text.strip()):
        raise NotAllowedError("the name of a header, of letters, digits, - and _")
    return text.strip()


def age_s(text: str) -> float:
    """A duration for browsers, in whole seconds."""
    return float(int(duration_s(text)))


def auth_type(text: str) -> bool:
    """Whether a password is asked for; another way of asking than ours lets nobody in."""
    if text.strip() != "basic-auth":
        raise NotAllowedError("basic-auth; until then nobody is let in", instead=True)
    return True


def realm(text: str) -> str:
    """What a browser shows when it asks for a password."""
    if not _REALM.fullmatch(text):
        raise NotAllowedError('printable ASCII without " and \\')
    return text


def secret(text: str) -> str:
    """`namespace/name`, or the name alone."""
    if not _SECRET.fullmatch(text.strip()):
        raise NotAllowedError("the name of a Secret, or namespace/name")
    return text.strip()


def cookie(text: str) -> str:
    """The name of a cookie."""
    if not _COOKIE.fullmatch(text.strip()):
        raise NotAllowedError("the name of a cookie")
    return text.strip()


def choice(**choices: str) -> Callable[[str], str]:
    """A reader of a few words, each of which stands for another; `_` in a name is `-`."""
    known = {name.replace("_", "-"): meant for name, meant in choices.items()}

    def read(text: str) -> str:
        if text.strip() not in known:
            raise NotAllowedError(" or ".join(known))
        return known[text.strip()]

    return read


def snippet(text: str) -> tuple[str, ...]:
    """Lines that are a directive of a backend each; good lines of a bad lot hold."""
    lines = [line.strip() for line in text.split("\n") if line.strip() and not line.strip().startswith("#")]
    good = tuple(line for line in lines if is_directive(line))
    if len(good) < len(lines) or not good or len(good) > 100:
        raise NotAllowedError(f"at most 100 lines that begin with one of {', '.join(sorted(DIRECTIVES))}", good[:100])
    return good
