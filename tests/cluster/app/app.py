"""A pod for the cluster tests: says what it was asked and who it is. Standard library only, one thread, keep-alive.

GET /any/path?sleep=0.5&status=404 answers after so long, with this status, as JSON, and with its name in `x-pod`.
On SIGTERM it keeps serving for DRAIN_S seconds (0: it drops everything at once), then finishes what it has and ends.
DELAY_S and STATUS are what it does when the query says nothing. KIND=tls: it speaks TLS, with the certificate in /tls;
KIND=raw: it writes the first bytes of each connection to its log and hangs up.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

NAME = os.environ.get("POD_NAME") or socket.gethostname()
DRAIN_S = float(os.environ.get("DRAIN_S", "3"))
PORTS = [int(port) for port in os.environ.get("PORTS", "8080").split(",")]
DELAY_S = float(os.environ.get("DELAY_S", "0"))
STATUS = os.environ.get("STATUS", "200")
KIND = os.environ.get("KIND", "http")
CERTIFICATE = Path("/tls/tls.crt")


class Pod:
    """What the connections share."""

    def __init__(self) -> None:
        self.ending = asyncio.Event()
        self.in_flight = 0
        self.connections: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections.add(task)
        try:
            while not self.ending.is_set() and await self.one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # the peer is gone
        finally:
            self.connections.discard(task)
            writer.close()

    async def one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether the connection may go on."""
        first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        self.in_flight += 1
        try:
            method, target, _version = first.split(" ", 2)
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            query = parse_qs(urlsplit(target).query)
            await asyncio.sleep(float(query.get("sleep", [DELAY_S])[0]))
            port = writer.get_extra_info("sockname")[1]
            seen = {"pod": NAME, "method": method, "path": target, "headers": headers, "port": port, "body": len(body)}
            answer = json.dumps(seen).encode()
            goes_on = not self.ending.is_set() and headers.get("connection", "").lower() != "close"
            status = query.get("status", [STATUS])[0]
            head = (
                f"HTTP/1.1 {status} Answer\r\nx-pod: {NAME}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(answer)}\r\nconnection: {'keep-alive' if goes_on else 'close'}\r\n\r\n"
            )
            writer.write(head.encode() + (b"" if method == "HEAD" else answer))
            await writer.drain()
            return goes_on
        finally:
            self.in_flight -= 1


async def take_notice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    came = await reader.read(1000)
    if came:
        print(repr(came.decode("latin-1")))
    writer.close()


async def main() -> None:
    pod = Pod()
    context = None
    if KIND == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE, CERTIFICATE.with_name("tls.key"))
    serve = take_notice if KIND == "raw" else pod.serve
    servers = [await asyncio.start_server(serve, "0.0.0.0", port, backlog=1024, ssl=context) for port in PORTS]
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()
    if DRAIN_S == 0:
        os._exit(1)
    await asyncio.sleep(DRAIN_S)
    for server in servers:
        server.close()
    pod.ending.set()
    while pod.in_flight:
        await asyncio.sleep(0.01)


asyncio.run(main())
