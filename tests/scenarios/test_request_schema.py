import pytest
from pydantic import ValidationError

from scenarios.request_schema import Request, Tls, parse_statuses


def request(**keys: object) -> Request:
    return Request.model_validate({"host": "a.example", "path": "/", **keys})


def test_a_request_needs_only_where_it_goes() -> None:
    plain = request()
    assert (plain.method, plain.headers, plain.cookies, plain.body, plain.expect) == ("GET", {}, {}, None, None)


@pytest.mark.parametrize("name", ["", "X Y", "X:", "X\r\n", "ä"])
def test_the_name_of_a_header_is_a_token(name: str) -> None:
    with pytest.raises(ValidationError):
        request(headers={name: "a"})


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\0", "\x7f"])
def test_the_value_of_a_header_ends_no_line(value: str) -> None:
    with pytest.raises(ValidationError):
        request(headers={"X": value})


@pytest.mark.parametrize(
    "expect",
    [{"status": []}, {"status": [600]}, {"status": "9xx"}, {"status": True}, {"contains": ""}, {"matches": "["}],
)
def test_what_cannot_be_expected_is_refused(expect: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        request(expect=expect)


def test_the_name_of_a_server_is_a_host() -> None:
    assert Tls(server_name="a.example").server_name == "a.example"
    with pytest.raises(ValidationError):
        Tls(server_name="a b")


def test_statuses_are_numbers_classes_or_lists_of_them() -> None:
    assert parse_statuses(200) == {200}
    assert parse_statuses(["3XX", 404]) == {*range(300, 400), 404}
