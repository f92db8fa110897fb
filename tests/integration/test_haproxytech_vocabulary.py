"""Manifests as people write them for haproxytech's controller, unmodified, each with the requests that prove it.

The comment at a file's top says what to ask and what to expect:

    pods      by Service: `count`, `delay_s`, `status`, `kind` (`tls`, or `raw`: takes notice of what comes and hangs up)
    snippets  whether the administrator allows them
    warnings  the annotations that are told; all others must be silent
    requests  one after another; `null` expects that a header is not there
    at_once   so many requests at the same time, and the sorted statuses
    becomes   what an answer's status becomes after a while
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from balancer.controller import Controller
from balancer.haproxy.process import HAProxy
from balancer.policy.annotations import OLD_NAMES, VOCABULARY
from balancer.policy.config import Certificate
from balancer.policy.credentials import users
from balancer.policy.manifests import read_manifests
from balancer.policy.objects import Endpoint, Manifests
from balancer.policy.refused import NEEDLESS, REFUSED
from tests.integration.conftest import Answer, Bench, Upstream, free_port, haproxy_under_test

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.integration

FILES = sorted((Path(__file__).parent / "haproxytech").glob("*.yaml"))
ROOT = Path(__file__).parents[2]


@dataclass
class Story:
    """A file: its objects, and what its comment expects of them."""

    documents: Sequence[Mapping[str, Any]]
    pods: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    snippets: bool = False
    warnings: tuple[str, ...] = ()
    requests: tuple[Mapping[str, Any], ...] = ()
    at_once: Mapping[str, Any] = field(default_factory=dict)
    becomes: Mapping[str, int] = field(default_factory=dict)


def story(path: Path) -> Story:
    text = path.read_text()
    lines = [line[2:] for line in text.splitlines() if line.startswith("# ")]
    expected = yaml.safe_load("\n".join(lines[lines.index("expect:") :]))["expect"]
    return Story(tuple(yaml.safe_load_all(text)), **expected)


class RawPod:
    """Writes down the first bytes of every connection, and hangs up."""

    def __init__(self, name: str, address: str) -> None:
        self.name, self.address, self.port, self.came = name, address, 0, b""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.address, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def endpoint(self) -> Endpoint:
        return Endpoint(self.name, self.address, self.port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            self.came += await reader.read(1000)
        writer.close()


class TlsPod(Upstream):
    """A pod behind TLS."""

    context: ssl.SSLContext

    async def start(self) -> Upstream:
        self._server = await asyncio.start_server(self._serve, self.address, 0, ssl=self.context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self


class Scene:
    """The objects of one file, served by a real HAProxy."""

    def __init__(self, told: Story, directory: Path) -> None:
        self.told, self.bench = told, Bench(directory)
        self.bench.haproxy = HAProxy(
            haproxy_under_test(),
            directory / "proxy",
            directory / "proxy.log",
            bind_port=free_port(),
            https_port=free_port(),
        )
        self.pods: dict[str, Upstream | RawPod] = {}
        self.cookie, self.last_pod = "", ""

    async def serve(self, directory: Path) -> None:
        kinds = {
            kind: [d for d in self.told.documents if d["kind"] == kind] for kind in ("Ingress", "Secret", "Service")
        }
        manifests, problems = read_manifests([d for d in self.told.documents if d["kind"] != "Secret"])
        assert problems == ()
        assert manifests.warnings == ()
        passwords = {("default", secret["metadata"]["name"]): users(secret["data"])[0] for secret in kinds["Secret"]}
        manifests = replace(manifests, certificates=certificates(kinds["Ingress"]), users=passwords)
        endpoints: dict[str, tuple[Endpoint, ...]] = {}
        for document in kinds["Service"]:
            name = document["metadata"]["name"]
            pods = [await self._pod(name, number, directory) for number in range(self._of(name).get("count", 1))]
            endpoints[f"default_{name}_http"] = tuple(pod.endpoint() for pod in pods)
        self._start(manifests, endpoints)

    def _start(self, manifests: Manifests, endpoints: Mapping[str, tuple[Endpoint, ...]]) -> None:
        controller = Controller(self.bench.haproxy, manifests, allow_snippets=self.told.snippets)
        told = sorted(str(warning.path[-1]) for warning in controller.frame.warnings)
        assert told == sorted(self.told.warnings)
        # first without pods, so that each of them comes at run time
        controller.sync({})
        result = controller.sync(endpoints)
        assert result.reasons == ()

    async def _pod(self, name: str, number: int, directory: Path) -> Upstream | RawPod:
        pod_name, address = f"{name}-{number}" if number else name, f"127.0.7.{len(self.pods) + 1}"
        how = self._of(name)
        pod: Upstream | RawPod
        if how.get("kind") == "raw":
            pod = RawPod(pod_name, address)
        elif how.get("kind") == "tls":
            pod = TlsPod(pod_name, address)
            pod.context = tls_context(directory)
        else:
            pod = Upstream(pod_name, address, how.get("delay_s", 0.0), how.get("status", 200))
        await pod.start()
        self.pods[pod_name] = pod
        return pod

    def _of(self, service: str) -> Mapping[str, Any]:
        return self.told.pods.get(service, {})

    async def ask(self, wanted: Mapping[str, Any]) -> Answer:
        """One request on a connection of its own."""
        host = wanted.get("host", "shop.example")
        headers = {"Host": host, "Connection": "close", **wanted.get("headers", {})}
        if wanted.get("sends_cookie"):
            headers["Cookie"] = self.cookie
        lines = [f"{wanted.get('method', 'GET')} {wanted.get('path', '/')} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        haproxy, tls = self.bench.haproxy, None
        if wanted.get("tls"):
            tls = ssl.create_default_context()
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        port = haproxy.https_port if tls else haproxy.bind_port
        reader, writer = await asyncio.open_connection(
            haproxy.bind_address, port, local_addr=(wanted.get("from", "127.0.0.1"), 0), ssl=tls,
            server_hostname=host if tls else None,
        )  # fmt: skip
        try:
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            raw = await reader.read()
        finally:
            writer.close()
        head, _, body = raw.decode("latin-1").partition("\r\n\r\n")
        first, *rest = head.split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
        return Answer(int(first.split()[1]), fields, body)

    async def check(self, wanted: Mapping[str, Any]) -> None:
        """Ask, and compare with what is expected."""
        answer = await self.ask(wanted)
        assert answer.status == wanted["status"], (wanted, answer)
        for name, value in wanted.get("answer", {}).items():
            assert_header(answer.headers, name, value)
        if "body" in wanted:
            assert answer.body == wanted["body"]
        if wanted.get("same_pod"):
            assert answer.body == self.last_pod
        self.last_pod = answer.body
        if wanted.get("keeps_cookie"):
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
        if "pod_gets" in wanted:
            (pod,) = self.pods.values()
            assert isinstance(pod, RawPod)
            assert pod.came.decode("latin-1").startswith(wanted["pod_gets"])
        if "pod_path" in wanted or "pod_sees" in wanted:
            pod = self.pods[answer.body]
            assert isinstance(pod, Upstream)
            path, headers = pod.requests[-1]
            assert path == wanted.get("pod_path", path)
            for name, value in wanted.get("pod_sees", {}).items():
                assert_header(headers, name, value)


def assert_header(headers: Mapping[str, str], name: str, value: str | None) -> None:
    if value is None:
        assert name not in headers
    elif name == "set-cookie":
        assert headers[name].startswith(value + "=")
    else:
        assert headers.get(name) == value


def certificates(ingresses: Sequence[Mapping[str, Any]]) -> tuple[Certificate, ...]:
    """As the Secrets of spec.tls would hold them."""
    return tuple(
        Certificate(f"default_{entry['secretName']}.pem", tuple(entry["hosts"]), pem(entry["hosts"][0]))
        for ingress in ingresses
        for entry in ingress["spec"].get("tls", ())
    )


def pem(host: str) -> str:
    """A certificate that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return built.public_bytes(serialization.Encoding.PEM).decode() + secret.decode()


def tls_context(directory: Path) -> ssl.SSLContext:
    file = directory / "pod.pem"
    file.write_text(pem("pod.example"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_manifest_for_haproxytechs_controller_works_unmodified(path: Path, tmp_path: Path) -> None:
    told = story(path)
    scene = Scene(told, tmp_path)

    async def play() -> None:
        await scene.serve(tmp_path)
        for wanted in told.requests:
            for _ in range(wanted.get("times", 1)):
                await scene.check(wanted)
        if told.at_once:
            answers = await asyncio.gather(*(scene.ask({}) for _ in range(told.at_once["requests"])))
            assert sorted(answer.status for answer in answers) == told.at_once["statuses"]
        if told.becomes:
            deadline = time.monotonic() + 10
            while (await scene.ask({})).status != told.becomes["status"]:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)

    try:
        asyncio.run(play())
    finally:
        scene.bench.close()


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_every_manifest_says_what_it_proves(path: Path) -> None:
    told = story(path)
    assert told.requests or told.at_once or told.becomes


def rows(page: str) -> list[list[str]]:
    """The cells of the table of a page, without its head."""
    lines = (ROOT / "docs" / page).read_text().splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return table[2:]


@pytest.mark.parametrize("row", rows("haproxytech.md"), ids=lambda row: row[0].strip("`"))
def test_the_page_for_those_who_come_over_says_of_every_word_what_is_so(row: list[str]) -> None:
    word, here, proofs = row[0].strip("`"), row[1], re.findall(r"`([a-z-]+)`", row[2])
    known = OLD_NAMES.get(word, word)
    assert here.startswith("taken") == (known in VOCABULARY)
    assert here.startswith("told") == (word in REFUSED)
    assert here.startswith("not needed") == (word in NEEDLESS)
    for proof in proofs:
        file = Path(__file__).parent / "haproxytech" / f"{proof}.yaml"
        assert re.search(rf"[ /]{word}:", file.read_text())


def test_every_word_that_is_taken_has_its_proof() -> None:
    assert [row[0] for row in rows("haproxytech.md") if row[1].startswith("taken") and "`" not in row[2]] == []


@pytest.mark.parametrize("row", rows("controllers-compared.md"), ids=lambda row: row[0].replace(" ", "_"))
def test_the_comparison_names_a_test_for_whatever_it_claims_of_matchday(row: list[str]) -> None:
    assert len(row) == 7
    what, ours, test = row[:3]
    if ours.split()[0].strip(":,") == "no" and "request" not in ours:
        assert test == ""
    elif what != "still maintained":
        file, _, name = test.strip("`").partition("::")
        assert f"def {name}(" in (ROOT / file).read_text()
