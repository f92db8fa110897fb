import base64

from hypothesis import given
from hypothesis import strategies as st

from balancer.policy.config import Backend, BackendSettings, BasicAuth, ProxyConfig, User
from balancer.policy.credentials import users, with_users

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


def test_a_backend_gets_the_users_of_its_secret_and_stays_closed_without() -> None:
    def asking(name: str, secret: str) -> Backend:
        return Backend(name, BackendSettings(auth=BasicAuth(enabled=True, secret=secret)))

    open_to_all = Backend("shop_d_http", BackendSettings())
    backends = (
        asking("shop_a_http", "team"),
        asking("shop_b_http", "other/team"),
        asking("shop_c_http", ""),
        open_to_all,
    )
    config = ProxyConfig("127.0.0.1", 80, backends=backends)
    filled, closed = with_users(config, {("shop", "team"): {"bob": encoded(HASH)}})
    assert [backend.settings.auth.users for backend in filled.backends] == [(User("bob", HASH),), (), (), ()]
    assert closed == ("shop_b_http", "shop_c_http")
    assert filled.backends[3] is open_to_all
