// A client of Bayse Markets in Node's `ws`, which tests the simulated server of this project.
//
//     node client.mjs url=ws://.. strict=ws://.. event=.. market=.. yes=.. no=.. other=.. user=.. key=.. token=..
//
// `url` is the base URL of a server; `strict` that of a server which disconnects a client after a second without a
// pong. `market` belongs to `event` and has the outcomes `yes` and `no`; `other` is another market. `user` is the owner
// of `key` and `token`. The script prints a line for each step, and exits with status 1 at the first failure.
// client.py does the same in Python.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';

const TIMEOUT = 10_000;
/** How long nothing may come from a room that was left: many steps of the markets. */
const QUIET = 300;

const given = Object.fromEntries(
  process.argv.slice(2).map((it) => [it.slice(0, it.indexOf('=')), it.slice(it.indexOf('=') + 1)]),
);

// ---- the format of messages

const kinds = {
  text: (it) => typeof it === 'string' && it !== '',
  'text or null': (it) => it === null || typeof it === 'string',
  object: (it) => typeof it === 'object' && it !== null && !Array.isArray(it),
  list: Array.isArray,
  probability: (it) => typeof it === 'number' && it >= 0 && it <= 1,
  positive: (it) => typeof it === 'number' && it > 0,
  amount: (it) => typeof it === 'number' && it >= 0,
  // Close to the current time, to detect a wrong unit.
  seconds: (it) => Number.isInteger(it) && Math.abs(it - Date.now() / 1000) < 600,
  milliseconds: (it) => Number.isInteger(it) && Math.abs(it - Date.now()) < 600_000,
  time: (it) => kinds['any time'](it) && kinds.milliseconds(Math.trunc(Date.parse(it))),
  'any time': (it) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(it),
  side: (it) => ['BUY', 'SELL'].includes(it),
  outcome: (it) => ['YES', 'NO'].includes(it),
  currency: (it) => ['USD', 'NGN'].includes(it),
};

/** Checks that an object has these fields, maybe the optional ones, and no others. */
function fields(object, required, optional = {}) {
  assert(kinds.object(object), `not an object: ${JSON.stringify(object)}`);
  for (const [name, value] of Object.entries(object)) {
    const kind = required[name] ?? optional[name];
    assert(kind, `an undocumented field ${name}: ${JSON.stringify(object)}`);
    assert(kinds[kind](value), `${name} is no ${kind}: ${JSON.stringify(object)}`);
  }
  for (const name of Object.keys(required)) {
    assert(name in object, `no field ${name}: ${JSON.stringify(object)}`);
  }
}

const close = (left, right) => Math.abs(left - right) < 1e-6;

function checkBook(message) {
  fields(message.data, { orderbook: 'object' });
  const book = message.data.orderbook;
  const required = { marketId: 'text', outcomeId: 'text', timestamp: 'time', bids: 'list', asks: 'list' };
  const optional = { lastTradedPrice: 'probability', lastTradedSide: 'side' };
  fields(book, required, optional);
  for (const level of [...book.bids, ...book.asks]) {
    fields(level, { price: 'probability', quantity: 'positive', total: 'amount' });
    assert(close(level.price * level.quantity, level.total), `total: ${JSON.stringify(level)}`);
  }
  const rising = (levels) => levels.every((it, place) => !place || levels[place - 1].price < it.price);
  assert(rising(book.bids.toReversed()), 'bids come high to low');
  assert(rising(book.asks), 'asks come low to high');
  assert(!book.bids.length || !book.asks.length || book.bids[0].price < book.asks[0].price, 'crossed');
  return book;
}

function checkPrices(message) {
  const { data } = message;
  fields(data, { id: 'text', slug: 'text', title: 'text', status: 'text', type: 'text', markets: 'list' });
  assert.equal(data.id, given.event);
  assert.deepEqual(data.markets.map((it) => it.id), [given.market]);
  for (const market of data.markets) {
    fields(market, { id: 'text', question: 'text', outcomes: 'list', engine: 'text', prices: 'object' });
    assert.equal(market.outcomes.length, 2);
    fields(market.prices, { YES: 'probability', NO: 'probability' });
  }
}

function checkFill(message) {
  const { user, order, event, market } = message.data;
  fields(message.data, { user: 'object', order: 'object', event: 'object', market: 'object' });
  fields(user, { id: 'text', tag: 'text or null', imageUrl: 'text or null' });
  fields(order, {
    id: 'text',
    amount: 'positive',
    quantity: 'positive',
    price: 'probability',
    status: 'text',
    type: 'side',
    outcome: 'outcome',
    outcomeLabel: 'text',
    currency: 'currency',
    engine: 'text',
    orderType: 'text',
    createdAt: 'time',
    updatedAt: 'time',
  });
  assert.equal(message.type, order.type === 'BUY' ? 'buy_order' : 'sell_order');
  assert(close(order.price * order.quantity, order.amount), `amount: ${JSON.stringify(order)}`);
  assert(['FILLED', 'PARTIAL_FILLED'].includes(order.status), order.status);
  assert(['CLOB', 'AMM'].includes(order.engine), order.engine);
  assert(['MARKET', 'LIMIT'].includes(order.orderType), order.orderType);
  fields(event, {
    id: 'text',
    slug: 'text',
    title: 'text',
    type: 'text',
    createdAt: 'any time',
    imageUrl: 'text or null',
  });
  fields(market, { id: 'text', title: 'text', imageUrl: 'text or null' });
}

function checkOwnOrder(message) {
  const { data } = message;
  const ids = { orderId: 'text', eventId: 'text', marketId: 'text' };
  fields(data, { ...ids, order: 'object', timestamp: 'seconds' });
  const { order } = data;
  fields(order, {
    id: 'text',
    userId: 'text',
    marketId: 'text',
    outcomeId: 'text',
    outcomeLabel: 'text',
    side: 'side',
    price: 'probability',
    quantity: 'positive',
    filledQuantity: 'positive',
    remainingQuantity: 'amount',
    avgFillPrice: 'probability',
    status: 'text',
    timeInForce: 'text',
    createdAt: 'seconds',
    updatedAt: 'seconds',
  });
  assert.deepEqual([data.orderId, data.marketId], [order.id, order.marketId]);
  assert(close(order.filledQuantity + order.remainingQuantity, order.quantity), JSON.stringify(order));
  assert.equal(order.status, order.remainingQuantity === 0 ? 'FILLED' : 'PARTIAL_FILLED');
  assert.deepEqual([data.eventId, order.userId], [given.event, given.user]);
  assert([given.yes, given.no].includes(order.outcomeId), order.outcomeId);
}

// ---- one connection

class Peer {
  pings = 0;
  #messages = [];
  #waiting = [];

  /** Connects, and is greeted. */
  static async open(endpoint, { base = given.url, auth, ...options } = {}) {
    const peer = new Peer(new WebSocket(base + endpoint, { handshakeTimeout: TIMEOUT, ...options }));
    peer.auth = auth;
    await once(peer.ws, 'open');
    // The client offers compression. A venue without it does not accept the offer.
    assert.equal(peer.ws.extensions, '');
    const { type, ...greeting } = await peer.next('connected');
    fields(greeting, { status: 'text', clientId: 'text', message: 'text', timestamp: 'milliseconds' });
    assert.equal(greeting.status, 'connected');
    assert.equal(greeting.message, 'Successfully connected to WebSocket server');
    return peer;
  }

  constructor(ws) {
    this.ws = ws;
    this.closed = new Promise((tell) => {
      ws.on('close', (code, reason) => tell({ code, reason: String(reason) }));
    });
    ws.on('ping', () => (this.pings += 1));
    ws.on('message', (data, isBinary) => {
      const lines = isBinary ? ['a binary message'] : String(data).split('\n');
      this.#messages.push(...lines.filter((line) => line !== ''));
      this.#waiting.shift()?.();
    });
    this.closed.then(() => this.#waiting.forEach((tell) => tell()));
  }

  send(message) {
    this.ws.send(JSON.stringify(this.auth ? { ...message, auth: this.auth } : message));
  }

  /** The next message, of any type. */
  async any() {
    const deadline = Date.now() + TIMEOUT;
    while (this.#messages.length === 0) {
      assert(this.ws.readyState === WebSocket.OPEN, 'the connection was closed');
      assert(Date.now() < deadline, 'nothing came in time');
      const message = new Promise((tell) => this.#waiting.push(tell));
      await Promise.race([message, sleep(TIMEOUT, undefined, { ref: false })]);
    }
    const message = JSON.parse(this.#messages.shift());
    assert(kinds.milliseconds(message.timestamp), `timestamp: ${JSON.stringify(message)}`);
    return message;
  }

  /** The next message of a type. Data may come before it, but no error. */
  async next(...types) {
    const deadline = Date.now() + TIMEOUT;
    while (Date.now() < deadline) {
      const message = await this.any();
      if (types.includes(message.type)) return message;
      assert.notEqual(message.type, 'error', JSON.stringify(message));
    }
    assert.fail(`no ${types} in time`);
  }

  /** Subscribes, and is told so room by room, in order. */
  async subscribe(message, ...rooms) {
    this.send({ type: 'subscribe', ...message });
    await this.#confirmed('subscribed', 'Subscribed to', rooms);
  }

  /** Unsubscribes, is told so, and hears nothing more. */
  async unsubscribe(room, isOfRoom) {
    this.send({ type: 'unsubscribe', room });
    await this.#confirmed('unsubscribed', 'Unsubscribed from', [room]);
    await sleep(QUIET);
    this.send({ type: 'ping' });
    for (let message = {}; message.type !== 'pong'; ) {
      message = await this.any();
      assert.notEqual(message.type, 'error', JSON.stringify(message));
      assert(!isOfRoom(message), `after it was left, ${room} tells ${JSON.stringify(message)}`);
    }
  }

  async #confirmed(type, words, rooms) {
    for (const room of rooms) {
      const { timestamp, ...message } = await this.next(type);
      assert.deepEqual(message, { type, room, message: `${words}: ${room}` });
    }
  }

  async refused(message, why) {
    if (typeof message === 'string') this.ws.send(message);
    else this.send(message);
    const { timestamp, ...answer } = await this.next('error');
    assert.deepEqual(answer, { type: 'error', data: { message: why } });
  }

  async pong() {
    this.send({ type: 'ping' });
    const { timestamp, ...pong } = await this.next('pong');
    assert.deepEqual(pong, { type: 'pong' });
  }

  /** Closes, and the server answers with the same code. */
  async end() {
    this.ws.close(1000, 'done');
    assert.equal((await this.closed).code, 1000);
  }
}

const MARKETS = '/ws/v1/markets';
const REALTIME = '/ws/v1/realtime';
const USER = '/ws/v1/user';
const isOf = (...types) => (message) => types.includes(message.type);

// ---- the steps

const steps = {
  async 'connect and close'() {
    for (const endpoint of [MARKETS, REALTIME, USER]) {
      await (await Peer.open(endpoint)).end();
    }
  },

  async 'no such endpoint'() {
    const ws = new WebSocket(`${given.url}/ws/v1/nowhere`);
    ws.on('error', () => {});
    const [, response] = await once(ws, 'unexpected-response');
    assert.equal(response.statusCode, 404);
    ws.terminate();
  },

  async orderbook() {
    const peer = await Peer.open(MARKETS);
    const { market, other, yes, no } = given;
    const rooms = [`orderbook:${market}`, `orderbook:${other}`];
    const request = { channel: 'orderbook', marketIds: [market, other], currency: 'USD' };
    await peer.subscribe(request, ...rooms);
    // Both books of both markets, twice.
    const seen = new Map();
    while (seen.size < 4 || [...seen.values()].some((times) => times < 3)) {
      const { marketId, outcomeId } = checkBook(await peer.next('orderbook_update'));
      assert([market, other].includes(marketId), marketId);
      assert.equal([yes, no].includes(outcomeId), marketId === market, outcomeId);
      seen.set(outcomeId, (seen.get(outcomeId) ?? 0) + 1);
    }
    const isOfMarket = (id) => (message) => message.data?.orderbook?.marketId === id;
    await peer.unsubscribe(rooms[1], isOfMarket(other));
    assert.equal(checkBook(await peer.next('orderbook_update')).marketId, market);
    await peer.unsubscribe(rooms[0], isOf('orderbook_update'));
    await peer.end();
  },

  async 'orderbook in naira'() {
    const peer = await Peer.open(MARKETS);
    const room = `orderbook:${given.market}:NGN`;
    await peer.subscribe({ channel: 'orderbook', marketIds: [given.market], currency: 'NGN' }, room);
    const outcomes = [];
    while (outcomes.length < 2) {
      outcomes.push(checkBook(await peer.next('orderbook_update')).outcomeId);
    }
    assert.deepEqual(outcomes.sort(), [given.yes, given.no].sort());
    await peer.unsubscribe(room, isOf('orderbook_update'));
    await peer.end();
  },

  async prices() {
    const peer = await Peer.open(MARKETS);
    const room = `prices:${given.event}`;
    await peer.subscribe({ channel: 'prices', eventId: given.event }, room);
    for (let times = 0; times < 3; times += 1) checkPrices(await peer.next('price_update'));
    await peer.unsubscribe(room, isOf('price_update'));
    await peer.end();
  },

  async activity() {
    const { event, market } = given;
    const requests = [
      [{ channel: 'activity', eventId: event }, `activity:${event}`],
      [{ channel: 'activity', eventId: event, marketId: market }, `activity:${event}:${market}`],
    ];
    for (const [request, room] of requests) {
      const peer = await Peer.open(MARKETS);
      await peer.subscribe(request, room);
      // Each fill has two messages: one for the buyer and one for the seller.
      for (const type of ['buy_order', 'sell_order']) {
        const message = await peer.next(type);
        checkFill(message);
        assert.deepEqual([message.data.event.id, message.data.market.id], [event, market]);
      }
      await peer.unsubscribe(room, isOf('buy_order', 'sell_order'));
      await peer.end();
    }
  },

  async user_trades() {
    const peer = await Peer.open(MARKETS);
    const room = `user_trades:${given.user}`;
    await peer.subscribe({ channel: 'user_trades', userId: given.user }, room);
    for (let times = 0; times < 3; times += 1) {
      const message = await peer.next('buy_order', 'sell_order');
      checkFill(message);
      assert.equal(message.data.user.id, given.user);
    }
    await peer.unsubscribe(room, isOf('buy_order', 'sell_order'));
    await peer.end();
  },

  async asset_prices() {
    const peer = await Peer.open(REALTIME);
    const symbols = ['BTCUSDT', 'XAUUSD', 'USDNGN'];
    const rooms = symbols.map((symbol) => `asset_prices:${symbol}`);
    await peer.subscribe({ channel: 'asset_prices', symbols }, ...rooms);
    // All of them, twice, in the order of the request.
    for (const symbol of [...symbols, ...symbols]) {
      const { data } = await peer.next('asset_price');
      fields(data, { symbol: 'text', price: 'positive', timestamp: 'milliseconds' });
      assert.equal(data.symbol, symbol);
    }
    const [first, ...others] = rooms;
    await peer.unsubscribe(first, (message) => message.data?.symbol === symbols[0]);
    assert.notEqual((await peer.next('asset_price')).data.symbol, symbols[0]);
    for (const room of others) {
      const symbol = room.split(':')[1];
      await peer.unsubscribe(room, (message) => message.data?.symbol === symbol);
    }
    await peer.end();
  },

  async orders() {
    const room = `orders:${given.user}:${given.market}`;
    for (const auth of [{ apiKey: given.key }, { accessToken: given.token, deviceId: 'device' }]) {
      const peer = await Peer.open(USER, { auth });
      await peer.subscribe({ channel: 'orders', marketIds: [given.market] }, room);
      for (let times = 0; times < 3; times += 1) checkOwnOrder(await peer.next('order_updated'));
      await peer.unsubscribe(room, isOf('order_updated'));
      await peer.end();
    }
  },

  async errors() {
    const { event, market } = given;
    let peer = await Peer.open(MARKETS);
    const subscribe = (channel, more) => ({ type: 'subscribe', channel, ...more });
    await peer.refused('not JSON', 'Invalid message format');
    await peer.refused(subscribe('prices'), 'Event ID is required');
    await peer.refused({ type: 'unsubscribe' }, 'Room name is required');
    await peer.refused({ type: 'INVALID_TYPE' }, 'unknown message type: INVALID_TYPE');
    await peer.refused(
      subscribe('orderbook', { marketIds: [market], currency: 'EUR' }),
      'Unsupported currency. Supported currencies are USD and NGN',
    );
    await peer.refused(
      subscribe('asset_prices', { symbols: ['BTCUSDT'] }),
      'channel "asset_prices" is not available on /ws/v1/markets; use /ws/v1/realtime instead',
    );
    // None of it was a subscription, and the connection stays open.
    await sleep(QUIET);
    await peer.pong();
    await peer.subscribe({ channel: 'prices', eventId: event }, `prices:${event}`);
    await peer.end();

    peer = await Peer.open(REALTIME);
    await peer.refused(subscribe('asset_prices'), 'Symbols required to subscribe to asset prices');
    await peer.refused(
      subscribe('asset_prices', { symbols: ['DOGEUSDT'] }),
      'Unsupported symbol: DOGEUSDT. Supported symbols are BTCUSDT, ETHUSDT, SOLUSDT, XAUUSD, EURUSD, GBPUSD, USDNGN',
    );
    await peer.end();

    peer = await Peer.open(USER);
    const required =
      'auth required: include {"auth":{"accessToken":"..."}} or {"auth":{"apiKey":"..."}} in every message';
    await peer.refused(subscribe('orders', { marketIds: [market] }), required);
    await peer.refused({ type: 'ping' }, required);
    await peer.refused({ type: 'ping', auth: { apiKey: 'pk_nobody' } }, required);
    peer.auth = { apiKey: given.key };
    await peer.pong();
    await peer.end();
  },

  async ping() {
    const peer = await Peer.open(MARKETS);
    await peer.pong();
    for (const payload of ['', 'are you there?', Buffer.alloc(125, 0xff)]) {
      const pong = once(peer.ws, 'pong', { signal: AbortSignal.timeout(TIMEOUT) });
      peer.ws.ping(payload);
      assert.deepEqual((await pong)[0], Buffer.from(payload));
    }
    // The server pings too, and `ws` replies.
    while (peer.pings < 2) await once(peer.ws, 'ping', { signal: AbortSignal.timeout(TIMEOUT) });
    await peer.end();
  },

  async fragments() {
    const peer = await Peer.open(MARKETS);
    // One room's name has characters of several bytes, and the message is split within one.
    const room = 'prices:naïve-日本';
    const bytes = Buffer.from(JSON.stringify({ type: 'unsubscribe', room }));
    const middle = bytes.indexOf('ï') + 1;
    peer.ws.send(bytes.subarray(0, middle), { fin: false, binary: false });
    peer.ws.ping('in the middle');
    peer.ws.send(bytes.subarray(middle, middle), { fin: false, binary: false });
    peer.ws.send(bytes.subarray(middle), { fin: true, binary: false });
    assert.equal((await peer.next('unsubscribed')).room, room);
    await peer.end();
  },

  async 'binary is refused'() {
    const peer = await Peer.open(MARKETS);
    peer.ws.send(Buffer.from('{"type":"ping"}'));
    assert.equal((await peer.closed).code, 1003);
  },

  async 'rate limit'() {
    const peer = await Peer.open(MARKETS);
    for (let times = 0; times < 13; times += 1) peer.send({ type: 'ping' });
    for (let times = 0; times < 10; times += 1) {
      assert.equal((await peer.any()).type, 'pong', `message ${times + 1} of a second`);
    }
    for (let times = 0; times < 3; times += 1) {
      const { timestamp, ...error } = await peer.any();
      const message = 'rate limit exceeded: too many messages';
      assert.deepEqual(error, { type: 'error', data: { message } });
    }
    // A second later the rate limit allows messages again.
    await sleep(1_100);
    await peer.pong();
    await peer.end();
  },

  async 'silent until closed'() {
    const start = Date.now();
    const options = { base: given.strict };
    const alive = await Peer.open(MARKETS, options);
    const silent = await Peer.open(MARKETS, { ...options, autoPong: false });
    // Other messages of the client do not replace a pong.
    await silent.pong();
    assert.deepEqual(await silent.closed, { code: 1008, reason: 'no pong' });
    const after = Date.now() - start;
    assert(after >= 900 && after < TIMEOUT, `closed after ${after} ms`);
    assert(silent.pings > 2, `${silent.pings} pings`);
    // A client that replies to pings stays connected.
    await sleep(QUIET);
    await alive.pong();
    await alive.end();
  },
};

for (const [name, step] of Object.entries(steps)) {
  try {
    await step();
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`failed ${name}: ${error.stack}`);
    process.exit(1);
  }
}
