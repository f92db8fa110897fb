import pytest

from balancer.policy.snippets import is_directive


@pytest.mark.parametrize(
    "line",
    [
        "http-send-name-header x-dst-server",
        "stick-table type string len 32 size 100k expire 30m",
        "stick on req.cook(sessionid)",
        "http-request set-header X-A %[src] if { path_beg /a }",
    ],
)
def test_a_directive_of_a_backend_is_one(line: str) -> None:
    assert is_directive(line)


@pytest.mark.parametrize(
    "line",
    [
        "frontend evil", '"frontend" evil', "'global' x", "front\\end x", "server evil 10.0.0.1:80", ".if true", "# acl",
        "http-request deny \\", "http-request deny\nglobal x", "acl\0 x", "acl", "http-request deny \x0b", "", "mode tcp",
        "external-check command /bin/sh", "stats admin if TRUE", "acl é src 1",
    ],
)  # fmt: skip
def test_what_begins_a_section_or_swallows_a_line_or_reaches_out_is_none(line: str) -> None:
    assert not is_directive(line)
