import base64

from hypothesis import given
from hypothesis import strategies as st

from balancer.policy.config import User
from balancer.policy.credentials import users

HASH = "$1$abcdefgh$" + "x" * 22


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_user_is_a_key_with_a_hash() -> None:
    assert users({"bob": encoded(HASH + "\n")}) == ((User("bob", HASH),), ())
    assert users({"ann": encoded("$6$rounds=5000$salt$" + "y" * 86)})[1] == ()


def test_what_is_no_hash_is_named_and_never_shown() -> None:
    data = {"bob": encoded("plain"), "a b": encoded(HASH), "ann": "not base64", "eve": encoded("$2y$10$" + "x" * 53)}
    assert users(data) == ((), ("a b", "ann", "bob", "eve"))
    assert "plain" not in repr(users({"bob": encoded(HASH)}))
    assert HASH not in repr(users({"bob": encoded(HASH)}))


@given(st.dictionaries(st.text(), st.text() | st.binary().map(lambda raw: base64.b64encode(raw).decode())))
def test_no_secret_raises(data: dict[str, str]) -> None:
    good, bad = users(data)
    assert len(good) + len(bad) == len(data)
