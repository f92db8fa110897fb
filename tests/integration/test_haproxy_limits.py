"""What a backend refuses, delays and adds, and how the log tells one from the other."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest

from balancer.haproxy.log import LogLine, failure_kind

if TYPE_CHECKING:
    from tests.integration.conftest import Bench

pytestmark = pytest.mark.integration
Service = Callable[[Mapping[str, str] | None], str]
BACKEND = "default_live_http"


def prefixed(words: Mapping[str, str]) -> dict[str, str]:
    return {f"haproxy.org/{word}": value for word, value in words.items()}


@pytest.mark.parametrize("algorithm", ["roundrobin", "leastconn", "random"])
def test_two_requests_too_many_wait_for_the_queue_timeout_and_then_fail(
    bench: Bench, one_service: Service, algorithm: str
) -> None:
    async def story() -> None:
        pods = [await bench.pod(name, delay_s=0.7) for name in ("a", "b")]
        words = {"load-balance": algorithm, "pod-maxconn": "1", "timeout-queue": "1s"}
        bench.serve(one_service(prefixed(words)), {BACKEND: tuple(pod.endpoint() for pod in pods)})
        answers = await asyncio.gather(*(bench.get(f"/{i}") for i in range(6)))
        assert Counter(answer.status for answer in answers) == {200: 4, 503: 2}
        assert [answer.took_s for answer in answers if answer.status == 503] == pytest.approx([1.0, 1.0], abs=0.15)
        assert [pod.most_in_flight for pod in pods] == [1, 1]
        lines = await bench.log(6)
        assert Counter(map(failure_kind, lines)) == {None: 4, "queue_timeout": 2}
        waits_ms = sorted(line.tw_ms for line in lines)
        assert waits_ms == pytest.approx([0, 0, 700, 700, 1000, 1000], abs=140)
        served = [line for line in lines if line.server]
        assert [line.ta_ms - line.request_ms - line.tw_ms for line in served] == pytest.approx([700] * 4, abs=140)

    asyncio.run(story())


def test_hashed_requests_of_one_key_wait_at_their_own_pod_while_the_other_idles(
    bench: Bench, one_service: Service
) -> None:
    async def story() -> None:
        pods = [await bench.pod(name, delay_s=0.7) for name in ("a", "b")]
        words = {"load-balance": "source", "pod-maxconn": "1", "timeout-queue": "1s"}
        bench.serve(one_service(prefixed(words)), {BACKEND: tuple(pod.endpoint() for pod in pods)})
        answers = await asyncio.gather(*(bench.get(f"/{i}") for i in range(6)))
        assert Counter(answer.status for answer in answers) == {200: 2, 503: 4}
        assert sorted(pod.most_in_flight for pod in pods) == [0, 1]

    asyncio.run(story())


def test_the_rate_limit_refuses_one_client_and_leaves_another_alone(bench: Bench, one_service: Service) -> None:
    async def story() -> None:
        pod = await bench.pod("a")
        words = {"rate-limit-requests": "3", "rate-limit-period": "10s", "rate-limit-status-code": "429"}
        bench.serve(one_service(prefixed(words)), {BACKEND: (pod.endpoint(),)})
        eager = [(await bench.get()).status for _ in range(5)]
        assert eager == [200, 200, 200, 429, 429]
        assert (await bench.get(source="127.0.0.9")).status == 200
        kinds = [failure_kind(line) for line in await bench.log(6)]
        assert kinds == [None, None, None, "rate_limited", "rate_limited", None]

    asyncio.run(story())


@pytest.mark.parametrize("words", [{"deny-list": "127.0.9.0/24, 10.0.0.0/8"}, {"allow-list": "127.0.0.1"}])
def test_a_listed_client_is_denied_and_does_not_count_for_the_rate_limit(
    bench: Bench, one_service: Service, words: Mapping[str, str]
) -> None:
    async def story() -> None:
        pod = await bench.pod("a")
        bench.serve(one_service(prefixed({**words, "rate-limit-requests": "1"})), {BACKEND: (pod.endpoint(),)})
        denied = [(await bench.get(source="127.0.9.1")).status for _ in range(3)]
        assert denied == [403, 403, 403]
        assert (await bench.get(source="127.0.0.1")).status == 200
        assert [failure_kind(line) for line in await bench.log(4)] == ["denied"] * 3 + [None]

    asyncio.run(story())


def test_a_list_of_a_hundred_networks_is_taken(bench: Bench, one_service: Service) -> None:
    async def story() -> None:
        pod = await bench.pod("a")
        networks = [f"10.{i}.0.0/16" for i in range(100)] + ["127.0.9.9"]
        bench.serve(one_service(prefixed({"deny-list": ",".join(networks)})), {BACKEND: (pod.endpoint(),)})
        assert (await bench.get(source="127.0.9.9")).status == 403
        assert (await bench.get(source="127.0.9.8")).status == 200

    asyncio.run(story())


def test_headers_arrive_to_the_letter_whatever_they_hold(bench: Bench, one_service: Service) -> None:
    wild = """it's 100% "[src]" %[src] \\ # $HOME ${HOME} ; | ` end"""

    async def story() -> None:
        pod = await bench.pod("a")
        words = {"request-set-header": f"X-To-Pod {wild}\nX-Two second", "response-set-header": f"X-To-Client {wild}"}
        bench.serve(one_service(prefixed(words)), {BACKEND: (pod.endpoint(),)})
        answer = await bench.get(headers={"X-Request-Id": "17-0"})
        assert answer.headers["x-to-client"] == wild
        (_, seen), *_ = pod.requests
        assert (seen["x-to-pod"], seen["x-two"]) == (wild, "second")
        assert (seen["x-request-id"], seen["x-forwarded-for"]) == ("17-0", "127.0.0.1")

    asyncio.run(story())


def test_any_printable_header_value_arrives_to_the_letter(bench: Bench, one_service: Service) -> None:
    dice = random.Random(1998)
    tokens = [chr(code) for code in range(33, 127)] + [" ", "%[src]", "${HOME}", "\\'", "%%", "''", '"', "\\n", "%ci"]
    values = ["".join(dice.choices(tokens, k=12)).strip() for _ in range(200)]
    values = [value for value in values if len(value) < 2 or not value[0] == value[-1] == '"']

    async def story() -> None:
        pod = await bench.pod("a")
        lines = "\n".join(f"X-{i} {value}" for i, value in enumerate(values))
        bench.serve(one_service(prefixed({"request-set-header": lines})), {BACKEND: (pod.endpoint(),)})
        assert (await bench.get()).status == 200
        (_, seen), *_ = pod.requests
        assert [seen[f"x-{i}"] for i in range(len(values))] == values

    asyncio.run(story())


def test_a_request_without_a_usable_id_gets_one(bench: Bench, one_service: Service) -> None:
    async def story() -> None:
        pod = await bench.pod("a")
        bench.serve(one_service(None), {BACKEND: (pod.endpoint(),)})
        await bench.get()
        await bench.get(headers={"X-Request-Id": "1 status=200 forged"})
        ids = [headers["x-request-id"] for _, headers in pod.requests]
        assert [line.request_id for line in await bench.log(2)] == ids
        assert [len(made) for made in ids] == [36, 36]

    asyncio.run(story())


def test_the_log_tells_why_a_request_failed(bench: Bench, one_service: Service) -> None:
    async def story() -> None:
        words = {"timeout-server": "100ms", "timeout-connect": "100ms", "check": "false"}
        pods = {name: await bench.pod(name) for name in ("good", "broken", "slow", "dies", "gone")}
        pods["broken"].status, pods["slow"].delay_s, pods["dies"].hang_up = 500, 0.4, True
        await pods["gone"].stop()

        async def ask(name: str | None) -> int:
            bench.serve(one_service(prefixed(words)), {BACKEND: (pods[name].endpoint(),) if name else ()})
            return (await bench.get(headers={"X-Request-Id": str(name)})).status

        statuses = {name: await ask(name) for name in ("good", "broken", "slow", "dies", "gone", None)}
        assert statuses == {"good": 200, "broken": 500, "slow": 504, "dies": 502, "gone": 503, None: 503}
        kinds = {line.request_id: failure_kind(line) for line in await bench.log(6)}
        assert kinds == {
            "good": None,
            "broken": "server_error",
            "slow": "server_error",
            "dies": "server_error",
            "gone": "connect",
            "None": "no_server",
        }

    asyncio.run(story())


@pytest.mark.parametrize("queued", [False, True])
def test_a_client_that_gives_up_is_aborted_also_in_the_queue(
    bench: Bench, one_service: Service, *, queued: bool
) -> None:
    async def story() -> None:
        pod = await bench.pod("a", delay_s=0.5)
        bench.serve(one_service(prefixed({"pod-maxconn": "1"})), {BACKEND: (pod.endpoint(),)})
        first = asyncio.ensure_future(bench.get())
        if queued:
            await asyncio.sleep(0.1)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(bench.get(), 0.1)
            await first
        else:
            _, writer = await asyncio.open_connection("127.0.0.1", bench.haproxy.bind_port)
            await first
            writer.write(b"GET / HTTP/1.1\r\nHost: tv.example\r\n\r\n")
            await asyncio.sleep(0.1)
            writer.close()
        lines: list[LogLine] = await bench.log(2)
        assert Counter(map(failure_kind, lines)) == {None: 1, "aborted": 1}
        assert {line.server for line in lines if failure_kind(line)} == ({None} if queued else {"a"})

    asyncio.run(story())


def test_a_malformed_request_is_denied_and_logged(bench: Bench, one_service: Service) -> None:
    async def story() -> None:
        pod = await bench.pod("a")
        bench.serve(one_service(None), {BACKEND: (pod.endpoint(),)})
        assert (await bench.get(host="tv.example/x")).status == 400
        assert [failure_kind(line) for line in await bench.log(1)] == ["denied"]
        assert pod.requests == []

    asyncio.run(story())
