"""A client of Bayse Markets in Python's `websockets`, which tests the simulated server of this project.

    python client.py url=ws://.. strict=ws://.. event=.. market=.. yes=.. no=.. other=.. user=.. key=.. token=..

`url` is the base URL of a server; `strict` that of a server which disconnects a client after a second without a
pong. `market` belongs to `event` and has the outcomes `yes` and `no`; `other` is another market. `user` is the owner
of `key` and `token`. The script prints a line for each step, and exits with status 1 at the first failure.
client.mjs does the same in Node.
"""

import asyncio
import json
import re
import sys
import time
import traceback
from collections import Counter, deque
from datetime import datetime
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close, Frame, Opcode
from websockets.uri import parse_uri

TIMEOUT = 10
# The time without messages that proves an unsubscription: many steps of the markets.
QUIET = 0.3

GIVEN = dict(it.split("=", 1) for it in sys.argv[1:])

# ---- the format of messages


def is_number(it):
    return isinstance(it, (int, float)) and not isinstance(it, bool)


def is_whole(it):
    return isinstance(it, int) and not isinstance(it, bool)


def is_time(it):
    return isinstance(it, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", it)


def is_now(it):
    return is_time(it) and abs(datetime.fromisoformat(it).timestamp() - time.time()) < 600


KINDS = {
    "text": lambda it: isinstance(it, str) and it != "",
    "text or null": lambda it: it is None or isinstance(it, str),
    "object": lambda it: isinstance(it, dict),
    "list": lambda it: isinstance(it, list),
    "probability": lambda it: is_number(it) and 0 <= it <= 1,
    "positive": lambda it: is_number(it) and it > 0,
    "amount": lambda it: is_number(it) and it >= 0,
    # Close to the current time, to detect a wrong unit.
    "seconds": lambda it: is_whole(it) and abs(it - time.time()) < 600,
    "milliseconds": lambda it: is_whole(it) and abs(it / 1000 - time.time()) < 600,
    "time": is_now,
    "any time": is_time,
    "side": lambda it: it in ("BUY", "SELL"),
    "outcome": lambda it: it in ("YES", "NO"),
    "currency": lambda it: it in ("USD", "NGN"),
}


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def same(got, wanted):
    check(got == wanted, f"{got!r}, not {wanted!r}")


def close(left, right):
    return abs(left - right) < 1e-6


def fields(it, required, optional={}):
    """Checks that an object has these fields, and no others except the optional ones."""
    check(isinstance(it, dict), f"not an object: {it}")
    for name, value in it.items():
        kind = required.get(name) or optional.get(name)
        check(kind, f"an undocumented field {name}: {it}")
        check(KINDS[kind](value), f"{name} is no {kind}: {it}")
    for name in required:
        check(name in it, f"no field {name}: {it}")


def check_book(message):
    fields(message["data"], {"orderbook": "object"})
    book = message["data"]["orderbook"]
    fields(
        book,
        {"marketId": "text", "outcomeId": "text", "timestamp": "time", "bids": "list", "asks": "list"},
        {"lastTradedPrice": "probability", "lastTradedSide": "side"},
    )
    for level in book["bids"] + book["asks"]:
        fields(level, {"price": "probability", "quantity": "positive", "total": "amount"})
        check(close(level["price"] * level["quantity"], level["total"]), f"total: {level}")
    bids, asks = ([level["price"] for level in book[side]] for side in ("bids", "asks"))
    same(bids, sorted(set(bids), reverse=True))
    same(asks, sorted(set(asks)))
    check(not bids or not asks or bids[0] < asks[0], f"crossed: {book}")
    return book


def check_prices(message):
    data = message["data"]
    texts = dict.fromkeys(("id", "slug", "title", "status", "type"), "text")
    fields(data, {**texts, "markets": "list"})
    same(data["id"], GIVEN["event"])
    same([market["id"] for market in data["markets"]], [GIVEN["market"]])
    for market in data["markets"]:
        texts = dict.fromkeys(("id", "question", "engine"), "text")
        fields(market, {**texts, "outcomes": "list", "prices": "object"})
        same(len(market["outcomes"]), 2)
        fields(market["prices"], {"YES": "probability", "NO": "probability"})


def check_fill(message):
    data = message["data"]
    fields(data, dict.fromkeys(("user", "order", "event", "market"), "object"))
    fields(data["user"], {"id": "text", "tag": "text or null", "imageUrl": "text or null"})
    order = data["order"]
    texts = dict.fromkeys(("id", "status", "outcomeLabel", "engine", "orderType"), "text")
    numbers = {"amount": "positive", "quantity": "positive", "price": "probability"}
    words = {"type": "side", "outcome": "outcome", "currency": "currency"}
    fields(order, {**texts, **numbers, **words, "createdAt": "time", "updatedAt": "time"})
    same(message["type"], {"BUY": "buy_order", "SELL": "sell_order"}[order["type"]])
    check(close(order["price"] * order["quantity"], order["amount"]), f"amount: {order}")
    check(order["status"] in ("FILLED", "PARTIAL_FILLED"), order["status"])
    check(order["engine"] in ("CLOB", "AMM"), order["engine"])
    check(order["orderType"] in ("MARKET", "LIMIT"), order["orderType"])
    texts = dict.fromkeys(("id", "slug", "title", "type"), "text")
    fields(data["event"], {**texts, "createdAt": "any time", "imageUrl": "text or null"})
    fields(data["market"], {"id": "text", "title": "text", "imageUrl": "text or null"})


def check_own_order(message):
    data = message["data"]
    ids = dict.fromkeys(("orderId", "eventId", "marketId"), "text")
    fields(data, {**ids, "order": "object", "timestamp": "seconds"})
    order = data["order"]
    ids = dict.fromkeys(("id", "userId", "marketId", "outcomeId", "outcomeLabel"), "text")
    numbers = {
        "price": "probability",
        "quantity": "positive",
        "filledQuantity": "positive",
        "remainingQuantity": "amount",
        "avgFillPrice": "probability",
    }
    times = {"createdAt": "seconds", "updatedAt": "seconds"}
    fields(order, {**ids, **numbers, **times, "side": "side", "status": "text", "timeInForce": "text"})
    same([data["orderId"], data["marketId"]], [order["id"], order["marketId"]])
    check(close(order["filledQuantity"] + order["remainingQuantity"], order["quantity"]), order)
    same(order["status"], "FILLED" if order["remainingQuantity"] == 0 else "PARTIAL_FILLED")
    same([data["eventId"], order["userId"]], [GIVEN["event"], GIVEN["user"]])
    check(order["outcomeId"] in (GIVEN["yes"], GIVEN["no"]), order["outcomeId"])


# ---- one connection


class Pinged(ClientConnection):
    """Counts the server's pings. The library sends the pongs."""

    pings = 0

    def process_event(self, event):
        if isinstance(event, Frame) and event.opcode is Opcode.PING:
            self.pings += 1
        super().process_event(event)


class Peer:
    def __init__(self, ws, auth):
        self.ws = ws
        self.auth = auth
        self.messages = deque()

    @classmethod
    async def open(cls, endpoint, base=None, auth=None):
        """Connects, and waits for the greeting."""
        url = (base or GIVEN["url"]) + endpoint
        ws = await connect(url, proxy=None, ping_interval=None, create_connection=Pinged)
        # The client offers compression. A venue without it does not accept the offer.
        same(ws.protocol.extensions, [])
        peer = cls(ws, auth)
        greeting = await peer.next("connected")
        del greeting["type"]
        texts = dict.fromkeys(("status", "clientId", "message"), "text")
        fields(greeting, {**texts, "timestamp": "milliseconds"})
        same(greeting["status"], "connected")
        same(greeting["message"], "Successfully connected to WebSocket server")
        return peer

    async def send(self, message):
        auth = {"auth": self.auth} if self.auth else {}
        await self.ws.send(json.dumps({**message, **auth}))

    async def any(self):
        """The next message, of any type."""
        while not self.messages:
            text = await asyncio.wait_for(self.ws.recv(), TIMEOUT)
            check(isinstance(text, str), "a binary message")
            self.messages.extend(line for line in text.split("\n") if line)
        message = json.loads(self.messages.popleft())
        check(KINDS["milliseconds"](message["timestamp"]), f"timestamp: {message}")
        return message

    async def next(self, *types):
        """The next message of a type. Data may precede it, but no error."""
        async with asyncio.timeout(TIMEOUT):
            while True:
                message = await self.any()
                if message["type"] in types:
                    return message
                check(message["type"] != "error", message)

    async def subscribe(self, message, *rooms):
        """Subscribes, and expects a confirmation for each room, in order."""
        await self.send({"type": "subscribe", **message})
        await self.confirmed("subscribed", "Subscribed to", rooms)

    async def unsubscribe(self, room, is_of_room):
        """Unsubscribes, and expects a confirmation and no further messages."""
        await self.send({"type": "unsubscribe", "room": room})
        await self.confirmed("unsubscribed", "Unsubscribed from", [room])
        await asyncio.sleep(QUIET)
        await self.send({"type": "ping"})
        message = {"type": None}
        while message["type"] != "pong":
            message = await self.any()
            check(message["type"] != "error", message)
            check(not is_of_room(message), f"after it was left, {room} tells {message}")

    async def confirmed(self, kind, words, rooms):
        for room in rooms:
            message = await self.next(kind)
            del message["timestamp"]
            same(message, {"type": kind, "room": room, "message": f"{words}: {room}"})

    async def refused(self, message, why):
        if isinstance(message, str):
            await self.ws.send(message)
        else:
            await self.send(message)
        answer = await self.next("error")
        del answer["timestamp"]
        same(answer, {"type": "error", "data": {"message": why}})

    async def pong(self):
        await self.send({"type": "ping"})
        same((await self.next("pong")).keys(), {"type", "timestamp"})

    async def closed(self):
        """Waits for the close, and returns the server's code."""
        async with asyncio.timeout(TIMEOUT):
            try:
                while True:
                    await self.ws.recv()
            except ConnectionClosed as closed:
                return closed.rcvd

    async def end(self):
        """Closes, and expects the same code from the server."""
        await self.ws.close(1000, "done")
        same((await self.closed()).code, 1000)


MARKETS = "/ws/v1/markets"
REALTIME = "/ws/v1/realtime"
USER = "/ws/v1/user"


def is_of(*types):
    return lambda message: message["type"] in types


# ---- the steps


async def connect_and_close():
    for endpoint in (MARKETS, REALTIME, USER):
        await (await Peer.open(endpoint)).end()


async def no_such_endpoint():
    try:
        await connect(GIVEN["url"] + "/ws/v1/nowhere", proxy=None)
    except InvalidStatus as refused:
        same(refused.response.status_code, 404)
    else:
        check(False, "it was accepted")


async def orderbook():
    peer = await Peer.open(MARKETS)
    market, other = GIVEN["market"], GIVEN["other"]
    rooms = [f"orderbook:{market}", f"orderbook:{other}"]
    request = {"channel": "orderbook", "marketIds": [market, other], "currency": "USD"}
    await peer.subscribe(request, *rooms)
    # Both books of both markets, twice.
    seen = Counter()
    while len(seen) < 4 or min(seen.values()) < 3:
        book = check_book(await peer.next("orderbook_update"))
        check(book["marketId"] in (market, other), book)
        same(book["outcomeId"] in (GIVEN["yes"], GIVEN["no"]), book["marketId"] == market)
        seen[book["outcomeId"]] += 1

    def is_of_other(message):
        return is_of("orderbook_update")(message) and check_book(message)["marketId"] == other

    await peer.unsubscribe(rooms[1], is_of_other)
    same(check_book(await peer.next("orderbook_update"))["marketId"], market)
    await peer.unsubscribe(rooms[0], is_of("orderbook_update"))
    await peer.end()


async def orderbook_in_naira():
    peer = await Peer.open(MARKETS)
    room = f"orderbook:{GIVEN['market']}:NGN"
    request = {"channel": "orderbook", "marketIds": [GIVEN["market"]], "currency": "NGN"}
    await peer.subscribe(request, room)
    outcomes = {check_book(await peer.next("orderbook_update"))["outcomeId"] for _ in range(2)}
    same(outcomes, {GIVEN["yes"], GIVEN["no"]})
    await peer.unsubscribe(room, is_of("orderbook_update"))
    await peer.end()


async def prices():
    peer = await Peer.open(MARKETS)
    room = f"prices:{GIVEN['event']}"
    await peer.subscribe({"channel": "prices", "eventId": GIVEN["event"]}, room)
    for _ in range(3):
        check_prices(await peer.next("price_update"))
    await peer.unsubscribe(room, is_of("price_update"))
    await peer.end()


async def activity():
    event, market = GIVEN["event"], GIVEN["market"]
    for request, room in [
        ({"eventId": event}, f"activity:{event}"),
        ({"eventId": event, "marketId": market}, f"activity:{event}:{market}"),
    ]:
        peer = await Peer.open(MARKETS)
        await peer.subscribe({"channel": "activity", **request}, room)
        # Each fill has two messages: one for the buyer and one for the seller.
        for kind in ("buy_order", "sell_order"):
            message = await peer.next(kind)
            check_fill(message)
            data = message["data"]
            same([data["event"]["id"], data["market"]["id"]], [event, market])
        await peer.unsubscribe(room, is_of("buy_order", "sell_order"))
        await peer.end()


async def user_trades():
    peer = await Peer.open(MARKETS)
    room = f"user_trades:{GIVEN['user']}"
    await peer.subscribe({"channel": "user_trades", "userId": GIVEN["user"]}, room)
    for _ in range(3):
        message = await peer.next("buy_order", "sell_order")
        check_fill(message)
        same(message["data"]["user"]["id"], GIVEN["user"])
    await peer.unsubscribe(room, is_of("buy_order", "sell_order"))
    await peer.end()


async def asset_prices():
    peer = await Peer.open(REALTIME)
    symbols = ["BTCUSDT", "XAUUSD", "USDNGN"]
    rooms = [f"asset_prices:{symbol}" for symbol in symbols]
    await peer.subscribe({"channel": "asset_prices", "symbols": symbols}, *rooms)
    # All of them, twice, in the order of the request.
    for symbol in symbols * 2:
        data = (await peer.next("asset_price"))["data"]
        fields(data, {"symbol": "text", "price": "positive", "timestamp": "milliseconds"})
        same(data["symbol"], symbol)

    def is_price_of(symbol):
        return lambda message: message.get("data", {}).get("symbol") == symbol

    for symbol, room in zip(symbols, rooms):
        await peer.unsubscribe(room, is_price_of(symbol))
        if room is rooms[0]:
            check((await peer.next("asset_price"))["data"]["symbol"] != symbol, "the others go on")
    await peer.end()


async def orders():
    room = f"orders:{GIVEN['user']}:{GIVEN['market']}"
    for auth in ({"apiKey": GIVEN["key"]}, {"accessToken": GIVEN["token"], "deviceId": "device"}):
        peer = await Peer.open(USER, auth=auth)
        await peer.subscribe({"channel": "orders", "marketIds": [GIVEN["market"]]}, room)
        for _ in range(3):
            check_own_order(await peer.next("order_updated"))
        await peer.unsubscribe(room, is_of("order_updated"))
        await peer.end()


async def errors():
    def subscribe(channel, **more):
        return {"type": "subscribe", "channel": channel, **more}

    market = GIVEN["market"]
    peer = await Peer.open(MARKETS)
    for message, why in [
        ("not JSON", "Invalid message format"),
        (subscribe("prices"), "Event ID is required"),
        ({"type": "unsubscribe"}, "Room name is required"),
        ({"type": "INVALID_TYPE"}, "unknown message type: INVALID_TYPE"),
        (
            subscribe("orderbook", marketIds=[market], currency="EUR"),
            "Unsupported currency. Supported currencies are USD and NGN",
        ),
        (
            subscribe("asset_prices", symbols=["BTCUSDT"]),
            'channel "asset_prices" is not available on /ws/v1/markets; use /ws/v1/realtime instead',
        ),
    ]:
        await peer.refused(message, why)
    # None of it was a subscription, and the connection stays open.
    await asyncio.sleep(QUIET)
    await peer.pong()
    room = f"prices:{GIVEN['event']}"
    await peer.subscribe(subscribe("prices", eventId=GIVEN["event"]), room)
    await peer.end()

    peer = await Peer.open(REALTIME)
    await peer.refused(subscribe("asset_prices"), "Symbols required to subscribe to asset prices")
    await peer.refused(
        subscribe("asset_prices", symbols=["DOGEUSDT"]),
        "Unsupported symbol: DOGEUSDT. Supported symbols are "
        "BTCUSDT, ETHUSDT, SOLUSDT, XAUUSD, EURUSD, GBPUSD, USDNGN",
    )
    await peer.end()

    peer = await Peer.open(USER)
    required = (
        'auth required: include {"auth":{"accessToken":"..."}} or {"auth":{"apiKey":"..."}} in every message'
    )
    await peer.refused(subscribe("orders", marketIds=[market]), required)
    await peer.refused({"type": "ping"}, required)
    await peer.refused({"type": "ping", "auth": {"apiKey": "pk_nobody"}}, required)
    peer.auth = {"apiKey": GIVEN["key"]}
    await peer.pong()
    await peer.end()


async def ping():
    peer = await Peer.open(MARKETS)
    await peer.pong()
    for payload in (b"", b"are you there?", b"\xff" * 125):
        # Completed by a pong with this payload, and by no other one.
        await asyncio.wait_for(await peer.ws.ping(payload), TIMEOUT)
    # The server pings too, and `websockets` replies.
    async with asyncio.timeout(TIMEOUT):
        while peer.ws.pings < 2:
            await asyncio.sleep(0.01)
    await peer.end()


async def fragments():
    peer = await Peer.open(MARKETS)
    # One room's name has characters of several bytes, and the message is split within one.
    room = "prices:naïve-日本"
    data = json.dumps({"type": "unsubscribe", "room": room}, ensure_ascii=False).encode()
    middle = data.index("ï".encode()) + 1

    async def pieces():
        yield data[:middle]
        await asyncio.wait_for(await peer.ws.ping("in the middle"), TIMEOUT)
        yield b""
        yield data[middle:]

    await peer.ws.send(pieces(), text=True)
    same((await peer.next("unsubscribed"))["room"], room)
    await peer.end()


async def binary_is_refused():
    peer = await Peer.open(MARKETS)
    await peer.ws.send(b'{"type":"ping"}')
    same((await peer.closed()).code, 1003)


async def rate_limit():
    peer = await Peer.open(MARKETS)
    for _ in range(13):
        await peer.send({"type": "ping"})
    same([(await peer.any())["type"] for _ in range(10)], ["pong"] * 10)
    for _ in range(3):
        error = await peer.any()
        del error["timestamp"]
        message = "rate limit exceeded: too many messages"
        same(error, {"type": "error", "data": {"message": message}})
    # A second later the rate limit allows messages again.
    await asyncio.sleep(1.1)
    await peer.pong()
    await peer.end()


async def stay_silent(url):
    """Connects and never writes again. Returns the server's close code and the number of its pings.

    The library's own protocol, over a socket of ours: its answers to pings stay unsent.
    """
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    protocol = ClientProtocol(parse_uri(url))
    protocol.send_request(protocol.connect())
    writer.write(b"".join(protocol.data_to_send()))
    pings, closes = 0, []
    while not closes:
        data = await asyncio.wait_for(reader.read(65_536), TIMEOUT)
        check(data, "the connection was cut")
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Frame):
                pings += event.opcode is Opcode.PING
                closes += [Close.parse(event.data)] if event.opcode is Opcode.CLOSE else []
    writer.close()
    return closes[0], pings


async def silent_until_closed():
    start = time.monotonic()
    alive = await Peer.open(MARKETS, base=GIVEN["strict"])
    closed, pings = await stay_silent(GIVEN["strict"] + MARKETS)
    same([closed.code, closed.reason], [1008, "no pong"])
    after = time.monotonic() - start
    check(0.9 <= after < TIMEOUT, f"closed after {after} s")
    check(pings > 2, f"{pings} pings")
    # A client that replies to pings stays connected.
    await asyncio.sleep(QUIET)
    await alive.pong()
    await alive.end()


STEPS = [
    connect_and_close,
    no_such_endpoint,
    orderbook,
    orderbook_in_naira,
    prices,
    activity,
    user_trades,
    asset_prices,
    orders,
    errors,
    ping,
    fragments,
    binary_is_refused,
    rate_limit,
    silent_until_closed,
]


async def main():
    for step in STEPS:
        name = step.__name__.replace("_", " ")
        try:
            await step()
        except Exception:
            print(f"failed {name}: {traceback.format_exc()}", flush=True)
            return 1
        print(f"ok {name}", flush=True)
    return 0


sys.exit(asyncio.run(main()))
