"""What a backend refuses, delays and adds, and how the log tells one from the other."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest

from balancer.haproxy.log import failure_kind

if TYPE_CHECKING:
    from tests.integration.conftest import Bench

pytestmark = pytest.mark.integration
Service = Callable[[Mapping[str, str] | None], str]
BACKEND = "default_live_http"


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
        assert [answer.took_s for answer in answers if answer.status == 503] == pytest.approx([1.0, 1.0], abs=0.1)
        assert [pod.most_in_flight for pod in pods] == [1, 1]
        kinds = Counter(map(failure_kind, await bench.log(6)))
        assert kinds == {None: 4, "queue_timeout": 2}

    asyncio.run(story())


def prefixed(words: Mapping[str, str]) -> dict[str, str]:
    return {f"haproxy.org/{word}": value for word, value in words.items()}
