"""A client of JayX in Python's `python-socketio`, which tests the simulated server of this project.

    python client_socketio.py url=ws://.. key=..

The server sends several candles of a minute each second, and the account of the key is active. It pings every 100 ms and
disconnects a client after a second without a pong. The script prints a line for each step, and exits with status 1 at
the first failure. client_socketio.mjs does the same in Node.
"""

import asyncio
import re
import sys
import time
import traceback

import socketio

TIMEOUT = 10
LONG = 1.5

GIVEN = dict(it.split("=", 1) for it in sys.argv[1:])

# The documented subscriptions, with the shortest candles, so that new ones arrive soon.
SUBSCRIPTIONS = {
    "orderbook": {"category": "spot", "symbol": "BTCUSDT", "precise": "1"},
    "kline": {"category": "spot", "symbol": "BTCUSDT", "interval": "1"},
    "positions": {"apiKey": GIVEN["key"], "category": "spot"},
    "openorders": {"apiKey": GIVEN["key"], "category": "spot", "symbol": "BTCUSDT"},
}

# ---- the format of messages

DAY = 86_400


def is_whole(it):
    return isinstance(it, int) and not isinstance(it, bool) and it >= 0


KINDS = {
    "text": lambda it: isinstance(it, str) and it != "",
    "object": lambda it: isinstance(it, dict),
    "list": lambda it: isinstance(it, list),
    "whole": is_whole,
    "positive": lambda it: is_whole(it) and it > 0,
    "whole or null": lambda it: it is None or is_whole(it),
    "decimal": lambda it: isinstance(it, str) and re.fullmatch(r"(0|[1-9]\d*)(\.\d+)?", it),
    # Within a day, since the server's clock runs fast, to detect a wrong unit.
    "seconds": lambda it: is_whole(it) and abs(it - time.time()) < DAY,
    "milliseconds": lambda it: is_whole(it) and abs(it / 1000 - time.time()) < DAY,
    "id": lambda it: isinstance(it, str) and re.fullmatch("[0-9a-f]{24}", it),
    "symbol": lambda it: it == "BTCUSDT",
    "side": lambda it: it in ("BUY", "SELL"),
    "type": lambda it: it in ("LIMIT", "MARKET"),
}


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def same(got, wanted):
    check(got == wanted, f"{got!r}, not {wanted!r}")


def fields(it, wanted):
    """Checks that an object has these fields and no others."""
    check(isinstance(it, dict), f"not an object: {it}")
    same(sorted(it), sorted(wanted))
    for name, kind in wanted.items():
        check(KINDS[kind](it[name]), f"{name} is no {kind}: {it}")


def check_book(message):
    fields(message, {"orderBook": "object", "trades": "list"})
    book = message["orderBook"]
    fields(book, {"asks": "list", "bids": "list"})
    for level in book["asks"] + book["bids"]:
        fields(level, dict.fromkeys(("ticks", "lots", "count"), "positive"))
    asks, bids = ([level["ticks"] for level in book[side]] for side in ("asks", "bids"))
    same(asks, sorted(set(asks)))
    same(bids, sorted(set(bids), reverse=True))
    check(asks and bids and bids[0] < asks[0], f"crossed, or empty: {book}")
    for trade in message["trades"]:
        numbers = dict.fromkeys(("lots", "ticks"), "positive")
        fields(trade, {**numbers, "side": "side", "created": "milliseconds"})
    times = [trade["created"] for trade in message["trades"]]
    same(times, sorted(times, reverse=True))


def check_kline(message):
    same(sorted(message), ["add", "modify"])
    check((message["add"] is None) != (message["modify"] is None), message)
    candle = message["add"] or message["modify"]
    numbers = dict.fromkeys("ohlcv", "positive")
    times = {"created": "seconds", "m": "seconds"}
    fields(candle, {"_id": "id", **numbers, **times, "symbol": "symbol"})
    o, h, l, c = (candle[name] for name in "ohlc")
    check(l <= min(o, c) and h >= max(o, c), candle)
    check(candle["created"] % 60 == 0 and 0 <= candle["m"] - candle["created"] < 60, candle)
    return candle


def check_positions(message):
    fields(message, {"spot": "list"})
    for balance in message["spot"]:
        fields(balance, {"asset": "text", "balance": "decimal", "available": "decimal"})
        check(float(balance["available"]) <= float(balance["balance"]), balance)
    same([balance["asset"] for balance in message["spot"]], ["BTC", "USDT"])


ORDER = {
    **dict.fromkeys(("resd", "exec", "cost"), "whole"),
    **dict.fromkeys(("lastLots", "lastTicks"), "whole or null"),
    **dict.fromkeys(("created", "modified"), "milliseconds"),
    **dict.fromkeys(("price", "quantity"), "decimal"),
    "id": "positive",
    "type": "type",
    "state": "text",
    "side": "side",
    "symbol": "symbol",
}


def check_orders(message):
    fields(message, {"cancel": "list", "modify": "list"})
    states = {"cancel": ("CANCELED", "FILLED"), "modify": ("NEW", "PARTIALLY_FILLED")}
    for name, allowed in states.items():
        for order in message[name]:
            fields(order, ORDER)
            check(order["state"] in allowed, f"{name}: {order}")
            same([order["lastLots"] is None, order["lastTicks"] is None], [order["exec"] == 0] * 2)
            check(order["modified"] >= order["created"], order)


# ---- the received messages of one event: each function returns whether they are enough


def watch_book():
    """A few books, the last one with trades."""
    count, done = 0, False
    while True:
        message = yield done
        check_book(message)
        count += 1
        done = count >= 3 and message["trades"] != []


def watch_kline():
    """A new candle, and its modification."""
    last, added, done = 0, None, False
    while True:
        message = yield done
        created = check_kline(message)["created"]
        check(message["add"] is None or created > last, "a new candle is the newest")
        done = message["add"] is None and created == added
        if message["add"]:
            added = created
        last = max(last, created)


def watch_positions():
    """Changing balances."""
    first, done = None, False
    while True:
        message = yield done
        check_positions(message)
        first = first or message
        done = message != first


def watch_orders():
    """An open order, and the end of an order that was reported as open."""
    known, done = set(), False
    while True:
        message = yield done
        check_orders(message)
        done = any(order["id"] in known for order in message["cancel"])
        known -= {order["id"] for order in message["cancel"]}
        known |= {order["id"] for order in message["modify"]}


WATCHES = {
    "orderbook": watch_book,
    "kline": watch_kline,
    "positions": watch_positions,
    "openorders": watch_orders,
}

# ---- one connection


class Peer:
    """Connects, and disconnects at the end."""

    def __init__(self, transports=("websocket",), then="websocket"):
        self.transports, self.then = transports, then
        self.socket = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        self.messages = asyncio.Queue()
        self.reasons = []
        self.socket.on("*", self.take)
        self.socket.on("disconnect", self.reasons.append)

    async def take(self, *event):
        self.messages.put_nowait(event)

    async def __aenter__(self):
        transports = self.transports and list(self.transports)
        await self.socket.connect(GIVEN["url"], transports=transports, wait_timeout=TIMEOUT)
        same(self.socket.transport(), self.then)
        check(self.socket.get_sid() not in (None, self.socket.sid), "each layer has a name of its own")
        return self

    async def __aexit__(self, kind, *_):
        if kind is None:
            check(self.socket.connected, "connected to the end")
        await asyncio.wait_for(self.socket.disconnect(), TIMEOUT)
        if kind is None:
            same(self.socket.eio.state, "disconnected")
            same(self.reasons, [self.socket.reason.CLIENT_DISCONNECT])

    async def subscribe(self, *names):
        for name in names:
            await self.socket.emit(name, SUBSCRIPTIONS[name])

    async def ask(self, name, message):
        return await self.socket.call(name, message, timeout=TIMEOUT)

    async def next(self):
        return await asyncio.wait_for(self.messages.get(), TIMEOUT)

    async def enough(self, *names):
        """Reads messages until there are enough of every event."""
        watches = {name: WATCHES[name]() for name in names}
        for watch in watches.values():
            next(watch)
        left = set(names)
        while left:
            name, message = await self.next()
            check(name in watches, f"{name} was not asked for: {message}")
            if watches[name].send(message):
                left.discard(name)


# ---- the steps


async def connect_and_disconnect():
    async with Peer():
        pass


async def each_event_by_itself():
    for name in SUBSCRIPTIONS:
        async with Peer() as peer:
            await peer.subscribe(name)
            await peer.enough(name)


async def all_four_at_once():
    async with Peer() as peer:
        await peer.subscribe(*SUBSCRIPTIONS)
        await peer.enough(*SUBSCRIPTIONS)


async def acknowledgements():
    async with Peer() as peer:
        for name, message in SUBSCRIPTIONS.items():
            same(await peer.ask(name, message), {"ok": True})
        again = "an order book is already subscribed on this connection"
        answer = await peer.ask("orderbook", SUBSCRIPTIONS["orderbook"])
        same(answer, {"error": {"message": again}})
        answer = await peer.ask("positions", {"apiKey": "nobody", "category": "spot"})
        same(answer, {"error": {"message": "unknown apiKey"}})
        # Data continues to arrive.
        await peer.enough(*SUBSCRIPTIONS)
        # Without an acknowledgement a refusal is an event.
        await peer.subscribe("orderbook")
        while (event := await peer.next())[0] != "error":
            pass
        same(event, ("error", {"message": again}))


async def heartbeat():
    """Longer than the timeouts of both sides."""
    async with Peer() as peer:
        await asyncio.sleep(LONG)
        await peer.subscribe("orderbook")
        await peer.enough("orderbook")


async def the_default_transports():
    """Polls, and upgrades to WebSocket."""
    async with Peer(transports=None) as peer:
        await peer.subscribe(*SUBSCRIPTIONS)
        await peer.enough(*SUBSCRIPTIONS)


async def polling_alone():
    """Longer than the timeouts of both sides."""
    async with Peer(["polling"], "polling") as peer:
        await peer.subscribe(*SUBSCRIPTIONS)
        await peer.enough(*SUBSCRIPTIONS)
        await asyncio.sleep(LONG)


async def a_namespace_that_is_refused():
    socket = socketio.AsyncClient(reconnection=False, handle_sigint=False)
    errors = []
    socket.on("connect_error", errors.append, namespace="/admin")
    options = {"transports": ["websocket"], "namespaces": ["/admin"], "wait_timeout": TIMEOUT}
    try:
        await socket.connect(GIVEN["url"], **options)
    except socketio.exceptions.ConnectionError:
        pass
    else:
        raise AssertionError("/admin was joined")
    same(errors, [{"message": "Invalid namespace"}])
    await socket.disconnect()


STEPS = [
    connect_and_disconnect,
    each_event_by_itself,
    all_four_at_once,
    acknowledgements,
    heartbeat,
    the_default_transports,
    polling_alone,
    a_namespace_that_is_refused,
]


async def main():
    for step in STEPS:
        try:
            await step()
        except Exception:
            print(f"failed {step.__name__}: {traceback.format_exc()}", flush=True)
            return 1
        print(f"ok {step.__name__}", flush=True)
    return 0


sys.exit(asyncio.run(main()))
