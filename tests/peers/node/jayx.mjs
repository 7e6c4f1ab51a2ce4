// The format of JayX's messages, for the clients of its simulated server: client_socketio.mjs and client_plain.mjs.
// client_socketio.py has the same in Python.

import assert from 'node:assert/strict';

export const TIMEOUT = 10_000;

/** The arguments, `name=value` each. */
export const given = Object.fromEntries(
  process.argv.slice(2).map((it) => [it.slice(0, it.indexOf('=')), it.slice(it.indexOf('=') + 1)]),
);

/** The documented subscriptions. The shortest candles, so that new ones come soon. */
export const subscriptions = {
  orderbook: { category: 'spot', symbol: 'BTCUSDT', precise: '1' },
  kline: { category: 'spot', symbol: 'BTCUSDT', interval: '1' },
  positions: { apiKey: given.key, category: 'spot' },
  openorders: { apiKey: given.key, category: 'spot', symbol: 'BTCUSDT' },
};

const DAY = 86_400;
const whole = (it) => Number.isSafeInteger(it) && it >= 0;
const kinds = {
  text: (it) => typeof it === 'string' && it !== '',
  object: (it) => typeof it === 'object' && it !== null && !Array.isArray(it),
  list: Array.isArray,
  whole,
  positive: (it) => whole(it) && it > 0,
  'whole or null': (it) => it === null || whole(it),
  decimal: (it) => typeof it === 'string' && /^(0|[1-9]\d*)(\.\d+)?$/.test(it),
  // Within a day, since the server's clock runs fast, to detect a wrong unit.
  seconds: (it) => whole(it) && Math.abs(it - Date.now() / 1000) < DAY,
  milliseconds: (it) => whole(it) && Math.abs(it - Date.now()) < DAY * 1000,
  id: (it) => /^[0-9a-f]{24}$/.test(it),
  symbol: (it) => it === 'BTCUSDT',
  side: (it) => ['BUY', 'SELL'].includes(it),
  type: (it) => ['LIMIT', 'MARKET'].includes(it),
};

/** Checks that an object has these fields and no others. */
function fields(object, wanted) {
  assert(kinds.object(object), `not an object: ${JSON.stringify(object)}`);
  assert.deepEqual(Object.keys(object).sort(), Object.keys(wanted).sort());
  for (const [name, kind] of Object.entries(wanted)) {
    assert(kinds[kind](object[name]), `${name} is no ${kind}: ${JSON.stringify(object)}`);
  }
}

function checkBook(message) {
  fields(message, { orderBook: 'object', trades: 'list' });
  fields(message.orderBook, { asks: 'list', bids: 'list' });
  const { asks, bids } = message.orderBook;
  for (const level of [...asks, ...bids]) {
    fields(level, { ticks: 'positive', lots: 'positive', count: 'positive' });
  }
  const rising = (levels) => levels.every((it, place) => !place || levels[place - 1].ticks < it.ticks);
  assert(rising(asks), 'asks come low to high');
  assert(rising(bids.toReversed()), 'bids come high to low');
  assert(asks.length && bids.length && bids[0].ticks < asks[0].ticks, 'crossed, or empty');
  for (const [place, trade] of message.trades.entries()) {
    fields(trade, { lots: 'positive', ticks: 'positive', side: 'side', created: 'milliseconds' });
    assert(!place || message.trades[place - 1].created >= trade.created, 'trades come newest first');
  }
}

function checkKline(message) {
  const kind = message.add === null ? { add: 'null', modify: 'object' } : { add: 'object', modify: 'null' };
  assert.deepEqual(Object.keys(message).sort(), Object.keys(kind).sort());
  assert(message.add === null || message.modify === null, JSON.stringify(message));
  const candle = message.add ?? message.modify;
  fields(candle, {
    _id: 'id',
    created: 'seconds',
    o: 'positive',
    h: 'positive',
    l: 'positive',
    c: 'positive',
    v: 'positive',
    m: 'seconds',
    symbol: 'symbol',
  });
  const { created, o, h, l, c, m } = candle;
  assert(l <= Math.min(o, c) && h >= Math.max(o, c), JSON.stringify(candle));
  assert(created % 60 === 0 && m >= created && m < created + 60, JSON.stringify(candle));
  return candle;
}

function checkPositions(message) {
  fields(message, { spot: 'list' });
  for (const balance of message.spot) {
    fields(balance, { asset: 'text', balance: 'decimal', available: 'decimal' });
    assert(Number(balance.available) <= Number(balance.balance), JSON.stringify(balance));
  }
  assert.deepEqual(message.spot.map((it) => it.asset), ['BTC', 'USDT']);
}

function checkOrders(message) {
  fields(message, { cancel: 'list', modify: 'list' });
  const states = { cancel: ['CANCELED', 'FILLED'], modify: ['NEW', 'PARTIALLY_FILLED'] };
  for (const [list, allowed] of Object.entries(states)) {
    for (const order of message[list]) {
      fields(order, {
        id: 'positive',
        type: 'type',
        state: 'text',
        side: 'side',
        resd: 'whole',
        exec: 'whole',
        cost: 'whole',
        lastLots: 'whole or null',
        lastTicks: 'whole or null',
        created: 'milliseconds',
        modified: 'milliseconds',
        symbol: 'symbol',
        price: 'decimal',
        quantity: 'decimal',
      });
      assert(allowed.includes(order.state), `${list}: ${JSON.stringify(order)}`);
      assert.equal(order.lastLots === null, order.exec === 0, JSON.stringify(order));
      assert.equal(order.lastTicks === null, order.exec === 0, JSON.stringify(order));
      assert(order.modified >= order.created, JSON.stringify(order));
    }
  }
}

/** What has come of one event, and whether it is enough. */
const watches = {
  orderbook: () => ({
    count: 0,
    take(message) {
      checkBook(message);
      this.count += 1;
      return this.count >= 3 && message.trades.length > 0;
    },
  }),
  /** A candle that is new, and the same one modified. */
  kline: () => ({
    last: 0,
    take(message) {
      const { created } = checkKline(message);
      assert(message.add === null || created > this.last, 'a new candle is the newest');
      const isDone = message.modify !== null && created === this.added;
      if (message.add) this.added = created;
      this.last = Math.max(this.last, created);
      return isDone;
    },
  }),
  /** Balances that change. */
  positions: () => ({
    take(message) {
      checkPositions(message);
      const text = JSON.stringify(message);
      this.first ??= text;
      return text !== this.first;
    },
  }),
  /** An order that is open, and an order that is so no more, among those that were told to be. */
  openorders: () => ({
    open: new Set(),
    take(message) {
      checkOrders(message);
      const isDone = message.cancel.some((it) => this.open.delete(it.id));
      for (const { id } of message.modify) this.open.add(id);
      return isDone;
    },
  }),
};

/** Takes what `next()` brings, `[event, message]` each, until enough of every one of the events has come. */
export async function enough(events, next) {
  const open = new Map(events.map((name) => [name, watches[name]()]));
  const left = new Set(events);
  while (left.size > 0) {
    const [name, message, ...rest] = await next();
    assert.deepEqual(rest, []);
    const watch = open.get(name) ?? assert.fail(`${name} was not asked for`);
    if (watch.take(message)) left.delete(name);
  }
}

/** Messages in the order in which they came. */
export class Inbox {
  #waiting = [];
  #messages = [];

  put(message) {
    this.#messages.push(message);
    this.#waiting.shift()?.();
  }

  next = async () => {
    if (this.#messages.length === 0) {
      await within(new Promise((tell) => this.#waiting.push(tell)), 'a message');
    }
    return this.#messages.shift();
  };
}

/** Waits for something, but not for ever. */
export async function within(promise, what) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`${what}: nothing in time`)), TIMEOUT);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs every step, and prints a line for each. */
export async function run(steps) {
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step();
      console.log(`ok ${name}`);
    } catch (error) {
      console.log(`failed ${name}: ${error.stack}`);
      process.exit(1);
    }
  }
}
