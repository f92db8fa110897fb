"""What is wrong with the headers, bodies and parameters of requests."""

from __future__ import annotations

from scenarios.attachments import Attachments
from scenarios.mistakes import Mistakes, near_miss
from scenarios.placeholders import placeholders
from scenarios.schema import Request, Scenario
from scenarios.yaml_marks import FieldPath

# Written by the generator itself.
_OURS = {
    "host": "`host`, a key of the request",
    "cookie": "`cookies`",
    "content-length": "no length; it follows from the body",
    "transfer-encoding": "no encoding; a body is sent with its length",
    "connection": "`traffic.keep_alive`",
    "x-request-id": "another name; requests are found in the proxy's log by this one",
}
_WITHOUT_BODY = ("GET", "HEAD")


def check_messages(scenario: Scenario, attached: Attachments, mistakes: Mistakes) -> None:
    """Each request of the mix on its own."""
    for index, request in enumerate(scenario.traffic.requests):
        at: FieldPath = ("traffic", "requests", index)
        for name in request.headers:
            if name.lower() in _OURS:
                mistakes.scenario((*at, "headers", name), name, _OURS[name.lower()])
        for field in ("body", "body_file"):
            if getattr(request, field) is not None and request.method in _WITHOUT_BODY:
                mistakes.scenario((*at, field), request.method, "a method with a body: POST, PUT, PATCH, DELETE")
        if request.body is not None and request.body_file is not None:
            mistakes.scenario((*at, "body_file"), request.body_file, "either body or body_file")
        if request.data is not None and "keys" in request.model_fields_set:
            mistakes.scenario((*at, "keys"), request.keys, "not together with data, whose rows are the keys")
        _check_placeholders(at, request, attached, mistakes)


def _check_placeholders(at: FieldPath, request: Request, attached: Attachments, mistakes: Mistakes) -> None:
    columns = () if request.data is None else attached.tables[request.data.file].columns
    known = {"key"} if request.data is None else set(columns)
    for field, names in placeholders(request).items():
        for name in sorted(names - known):
            if field == "body" and request.data is None and name != "key":
                continue  # braces of some other language
            allowed = " or ".join(f"{{{word}}}" for word in sorted(known)) + near_miss(name, known)
            mistakes.scenario((*at, field), f"{{{name}}}", allowed)


def with_keys(scenario: Scenario, attached: Attachments) -> Scenario:
    """The scenario whose requests with parameters have as many keys as rows."""
    requests = tuple(
        request
        if request.data is None
        else request.model_copy(update={"keys": len(attached.tables[request.data.file].rows)})
        for request in scenario.traffic.requests
    )
    return scenario.model_copy(update={"traffic": scenario.traffic.model_copy(update={"requests": requests})})
