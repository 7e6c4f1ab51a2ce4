"""A server of order books in Python's `websockets`, which tests the client of this project.

It prints `listening PORT`, then a line for each connection: `ok SCENARIO`, or `failed SCENARIO: WHY`.
The scenario is the first part of the path: `ws://127.0.0.1:PORT/fragments/ws/v1/markets`. The script exits at the end of
its standard input, with status 1 after a failure. server.mjs does the same in Node.
"""

import asyncio
import json
import logging
import sys
import time
from http import HTTPStatus
from pathlib import Path

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

TIMEOUT = 10
ENDPOINT = "/ws/v1/markets"


def read_lines():
    path = Path(__file__).parent.parent / "lines.txt"
    return dict(line.split(" ", 1) for line in path.read_text("utf-8").splitlines())


LINES = read_lines()


class Wire:
    """A transport that can write byte by byte, or hold back its data."""

    def __init__(self, transport):
        self.transport = transport
        self.drips = False
        self.held = None

    def __getattr__(self, name):
        return getattr(self.transport, name)

    def write(self, data):
        if self.held is not None:
            self.held += data
        elif self.drips:
            for byte in data:
                # With TCP_NODELAY, each write is a segment. After the pause, the other side has read it.
                self.transport.write(bytes([byte]))
                time.sleep(0.0001)
        else:
            self.transport.write(data)

    def hold(self):
        self.held = bytearray()

    def release(self):
        held, self.held = self.held, None
        self.transport.write(bytes(held))


class Connection(ServerConnection):
    def connection_made(self, transport):
        super().connection_made(Wire(transport))


class Client:
    """One client: its messages, and methods to send to it."""

    def __init__(self, ws):
        self.ws = ws

    async def subscription(self):
        """The client's first message must request the books of its market."""
        text = await self.ws.recv()
        expect(type(text), str, "the kind of the subscription")
        message = json.loads(text)
        expect(message.pop("currency", "USD"), "USD", "the currency")
        wanted = {"type": "subscribe", "channel": "orderbook", "marketIds": ["mkt_1"]}
        expect(message, wanted, "the subscription")

    async def send(self, text):
        await self.ws.send(text)

    async def fragments(self, pieces):
        """One text message in several frames; an empty one ends it."""
        await self.ws.send(pieces, text=True)

    async def ping(self, payload):
        """Sends a ping, and waits for the pong with the same payload."""
        pong = await self.ws.ping(payload)
        await pong

    async def pong(self, payload):
        await self.ws.pong(payload)

    async def close(self, code, reason):
        """Closes, and expects the same code from the client."""
        await self.ws.close(code, reason)
        await self.closed(code)

    async def close_barely(self):
        """Closes without a code."""
        try:
            async with self.ws.send_context():
                self.ws.protocol.send_close()
        except ConnectionClosed:
            pass
        await self.closed(1005)

    async def closed(self, code):
        """The client closes or has closed with this code."""
        await self.ws.wait_closed()
        received = self.ws.protocol.close_rcvd
        expect(received and received.code, code, "the code of the close frame that the client sent")


def expect(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what}: {got!r}, not {wanted!r}")


def cut(text, *ends):
    """Splits a text after this many bytes, even within a character."""
    data = text.encode()
    return [data[start:end] for start, end in zip((0, *ends), (*ends, None))]


def every_byte(text):
    return [bytes([byte]) for byte in text.encode()]


async def fragments(client):
    """Messages in a few fragments, some of them empty, and in one for each byte."""
    await client.subscription()
    await client.fragments(cut(LINES["connected"], 1, 40))
    await client.fragments(cut(LINES["subscribed"], 0, 30, 30))
    await client.fragments(every_byte(LINES["wide"]))
    await client.close(1000, "")


async def interleaved(client):
    """Pings between the fragments of a message. Each fragment waits for the pong."""
    await client.subscription()
    await client.send(LINES["subscribed"])

    async def pieces():
        first, second, third = cut(LINES["yes"], 7, 120)
        yield first
        await client.ping("in the middle")
        yield second
        await client.ping("")
        yield third

    await client.fragments(pieces())
    await client.close(1000, "")


async def pings(client):
    """Pings with payloads of up to the maximum length, and an unsolicited pong."""
    await client.subscription()
    await client.send(LINES["subscribed"])
    await client.ping("")
    await client.ping("are you there?")
    await client.ping(bytes(255 - place for place in range(125)))
    await client.pong("unasked")
    await client.send(LINES["yes"])
    await client.ping("\0")
    await client.close(1000, "")


async def close(client):
    """A close with a code and a reason."""
    await client.subscription()
    await client.send(LINES["subscribed"])
    await client.send(LINES["yes"])
    await client.close(4321, "maintenance, à bientôt")


async def bare(client):
    """A close with neither."""
    await client.subscription()
    await client.send(LINES["subscribed"])
    await client.close_barely()


async def batches(client):
    """Several messages in a frame, some of them blank, invalid or unknown. The last frame is long."""
    await client.subscription()
    connected, subscribed, yes, no, later, unknown, broken = (
        LINES[name] for name in "connected subscribed yes no later unknown broken".split()
    )
    await client.send(f"{connected}\n{subscribed}")
    await client.send(f"\n{yes}\n\n{broken}\n{unknown}\n{no}\n")
    await client.send("\n".join([later, yes] * 200))
    await client.close(1000, "")


async def one_byte_segments(client):
    """Every byte in a separate segment, including those of the upgrade's response."""
    await client.subscription()
    await client.send(LINES["connected"])
    await client.send(LINES["subscribed"])
    await client.send(LINES["yes"])
    await client.ping("a byte at a time")
    await client.close(1000, "")


async def heels(client):
    """Messages in the same segment as the upgrade's response."""
    await client.send(LINES["connected"])
    await client.send(LINES["yes"])
    client.ws.transport.release()
    await client.subscription()
    await client.send(LINES["subscribed"])
    await client.send(LINES["no"])
    await client.close(1000, "")


async def stopped(client):
    """The client ends it."""
    await client.subscription()
    await client.send(LINES["subscribed"])
    await client.send(LINES["yes"])
    await client.closed(1000)


SCENARIOS = {
    "fragments": fragments,
    "interleaved": interleaved,
    "pings": pings,
    "close": close,
    "bare": bare,
    "batches": batches,
    "bytes": one_byte_segments,
    "heels": heels,
    "stopped": stopped,
}


def scenario(path):
    return path.removeprefix("/").removesuffix(ENDPOINT) if path.endswith(ENDPOINT) else None


def prepare(connection, request):
    """Called before the response to the upgrade."""
    name = scenario(request.path)
    if name not in SCENARIOS:
        return connection.respond(HTTPStatus.NOT_FOUND, "no such scenario\n")
    if name == "bytes":
        connection.transport.drips = True
    elif name == "heels":
        connection.transport.hold()
    return None


async def main():
    failures = []

    async def run(ws):
        name = scenario(ws.request.path)
        try:
            # The server supports compression, but the client under test must not offer it.
            expect(ws.protocol.extensions, [], "the extensions")
            async with asyncio.timeout(TIMEOUT):
                await SCENARIOS[name](Client(ws))
            print(f"ok {name}", flush=True)
        except Exception as error:
            failures.append(name)
            why = str(error).replace("\n", " ")
            print(f"failed {name}: {type(error).__name__}: {why}", flush=True)

    options = {
        "create_connection": Connection,
        "process_request": prepare,
        "compression": "deflate",
        "ping_interval": None,
    }
    async with serve(run, "127.0.0.1", 0, **options) as server:
        print(f"listening {server.sockets[0].getsockname()[1]}", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    return 1 if failures else 0


logging.basicConfig(stream=sys.stderr)
sys.exit(asyncio.run(main()))
