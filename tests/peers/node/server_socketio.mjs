// A server of JayX's events in Node's `socket.io`, which tests the client of this project.
//
// It prints `listening SCENARIO=PORT ..`, then a line for each connection: `ok SCENARIO`, or
// `failed SCENARIO: WHY`. It exits at the end of its standard input, with status 1 after a failure.

import assert from 'node:assert/strict';
import { EventEmitter, on, once } from 'node:events';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server } from 'socket.io';

const TIMEOUT = 10_000;
/** A server that stands still does so for longer than its client may wait: twice this, and then some. */
const SHORT_BEAT = { pingInterval: 150, pingTimeout: 150 };
const STILL = 1200;

/** The documented subscriptions. */
const subscriptions = {
  orderbook: { category: 'spot', symbol: 'BTCUSDT', precise: '1' },
  kline: { category: 'spot', symbol: 'BTCUSDT', interval: '60' },
  positions: { apiKey: 'demo-key-1', category: 'spot' },
  openorders: { apiKey: 'demo-key-1', category: 'spot', symbol: 'BTCUSDT' },
};

const trades = [
  { lots: 3779, ticks: 6667418, side: 'BUY', created: 1716136436758 },
  { lots: 591, ticks: 6670338, side: 'BUY', created: 1716136436747 },
];
const candle = {
  _id: '664a16fccb5c1735c25557a0',
  created: 1716131580,
  o: 6678147,
  h: 6690062,
  l: 6674783,
  c: 6689523,
  v: 241690,
  m: 1716131619,
  symbol: 'BTCUSDT',
};
const order = {
  id: 117805625,
  type: 'LIMIT',
  state: 'NEW',
  side: 'BUY',
  resd: 1000000,
  exec: 0,
  cost: 0,
  lastLots: null,
  lastTicks: null,
  created: 1716135452487,
  modified: 1716135452487,
  symbol: 'BTCUSDT',
  price: '1000',
  quantity: '1000',
};
/** The documented answers. */
const answers = {
  orderbook: {
    orderBook: {
      asks: [
        { ticks: 6684363, lots: 1004817, count: 1 },
        { ticks: 6751207, lots: 2993562, count: 1 },
      ],
      bids: [{ ticks: 6657678, lots: 997207, count: 1 }],
    },
    trades,
  },
  kline: { add: null, modify: candle },
  positions: {
    spot: [
      { asset: 'BTC', balance: '0.000998', available: '0.000998' },
      { asset: 'USDT', balance: '9932.44065', available: '9932.44065' },
    ],
  },
  openorders: { cancel: [], modify: [order] },
};
/** What goes on from them. */
const later = {
  orderbook: {
    orderBook: { asks: [], bids: [{ ticks: 6657679, lots: 5, count: 2 }] },
    trades: [{ lots: 7, ticks: 6657679, side: 'SELL', created: 1716136436759 }, ...trades],
  },
  kline: {
    add: { ...candle, _id: '664a1738cb5c1735c25557a1', created: 1716135180, c: 6690001, m: 1716135181 },
    modify: { ...candle, c: 6690000 },
  },
  positions: { spot: [{ asset: 'USDT', balance: '9000', available: '8000.5' }] },
  openorders: { cancel: [{ ...order, state: 'CANCELED', modified: 1716135452999 }], modify: [] },
};

/** One client: what it sent, and the ways to send it something. */
class Client {
  #signal = AbortSignal.timeout(TIMEOUT);
  #events;
  #closed;
  #websocket;

  constructor(socket, wire) {
    this.socket = socket;
    this.wire = wire;
    this.#websocket = socket.conn.transport.socket;
    // Registered now, so that no event is missed.
    const events = new EventEmitter();
    socket.onAny((...event) => events.emit('event', event));
    this.#events = on(events, 'event', { signal: this.#signal });
    this.#closed = once(this.#websocket, 'close', { signal: this.#signal });
    this.#closed.catch(() => {});
  }

  /** It came as the protocol wants it, by the default path, and asks for no compression. */
  check() {
    const { url, headers } = this.socket.request;
    assert.equal(url, '/socket.io/?EIO=4&transport=websocket');
    assert.equal(headers['sec-websocket-extensions'], undefined);
    assert.equal(this.socket.nsp.name, '/');
    assert.deepEqual(this.socket.handshake.auth, {});
  }

  /** It asks for this, exactly as documented, and for no acknowledgement. */
  async subscription(name) {
    const next = await Promise.race([this.#events.next(), this.#closed]);
    const [event] = next.value ?? assert.fail(`closed before ${name}: ${next}`);
    assert.deepEqual(event, [name, subscriptions[name]]);
  }

  emit(name, message) {
    this.socket.emit(name, message);
  }

  /** It answers so many pings. */
  async pongs(count) {
    for (; count > 0; count -= 1) {
      await once(this.socket.conn, 'heartbeat', { signal: this.#signal });
    }
  }

  /** It closes the connection, or has, with one of these codes. */
  async closed(...codes) {
    const [code] = await this.#closed;
    assert(codes.includes(code), `the code of the close frame that the client sent: ${code}`);
  }
}

/** Gives a client the book that it asks for. */
async function book(client) {
  await client.subscription('orderbook');
  client.emit('orderbook', answers.orderbook);
}

/**
 * Each is a list of what happens on the connections of one client, in turn. `options` are the server's;
 * `refusals` are for as many connections, the namespace of which they cannot join.
 */
const scenarios = {
  /** The four events, each answered when it was asked for, and then what goes on from there. */
  events: {
    connections: [
      async (client) => {
        for (const name of Object.keys(subscriptions)) {
          await client.subscription(name);
          client.emit(name, answers[name]);
        }
        for (const name of Object.keys(subscriptions)) client.emit(name, later[name]);
        await client.closed(1000);
      },
    ],
  },

  /** Many pings, each to be answered, go by before a book comes. */
  pings: {
    options: { pingInterval: 40, pingTimeout: 5000 },
    connections: [
      async (client) => {
        await client.subscription('orderbook');
        await client.pongs(8);
        client.emit('orderbook', answers.orderbook);
        await client.closed(1000);
      },
    ],
  },

  /** A book that is to be acknowledged. Whether it is, is the client's affair; another one comes after. */
  ack: {
    connections: [
      async (client) => {
        await client.subscription('orderbook');
        const asked = client.socket.timeout(200).emitWithAck('orderbook', answers.orderbook);
        await asked.catch((error) => assert.equal(error.message, 'operation has timed out'));
        client.emit('orderbook', later.orderbook);
        await client.closed(1000);
      },
    ],
  },

  /** The namespace is refused, and later it is not. */
  refused: {
    refusals: ['maintenance, à bientôt'],
    connections: [
      (client) => client.closed(1000),
      async (client) => {
        await book(client);
        await client.closed(1000);
      },
    ],
  },

  /** The connection is dropped in every way, and the client comes back each time. */
  drops: {
    connections: [
      // Ends the namespace and the connection.
      async (client) => {
        await book(client);
        client.socket.disconnect(true);
        await client.closed(1000, 1005);
      },
      // Ends the namespace only.
      async (client) => {
        await book(client);
        client.socket.disconnect();
        await client.closed(1000);
      },
      // A WebSocket close without a Socket.IO packet.
      async (client) => {
        await book(client);
        client.socket.conn.close();
        await client.closed(1005);
      },
      // The end of the stream without any close. The client may still send its disconnect packet.
      async (client) => {
        await book(client);
        client.wire.end();
        await client.closed(1000, 1006);
      },
      async (client) => {
        await book(client);
        await client.closed(1000);
      },
    ],
  },

  /** The whole process stands still: no ping comes, and the connection stays open. */
  still: {
    options: SHORT_BEAT,
    connections: [
      async (client) => {
        await book(client);
        await sleep(20);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STILL);
        await client.closed(1000, 1006);
      },
      async (client) => {
        await book(client);
        await client.closed(1000);
      },
    ],
  },
};

let failed = 0;

async function run(name, scenario, client) {
  try {
    client.check();
    await scenario(client);
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    client.wire.destroy();
    console.log(`failed ${name}: ${error.message.replaceAll('\n', ' ')}`);
  }
}

async function serve(name, { options = {}, refusals = [], connections }) {
  const server = http.createServer();
  // The server supports compression, but the client under test must not offer it.
  const io = new Server(server, { transports: ['websocket'], perMessageDeflate: true, ...options });
  let count = 0;
  io.use((socket, next) => {
    const scenario = connections[count] ?? (() => assert.fail('one connection too many'));
    const refusal = refusals[count];
    count += 1;
    void run(name, scenario, new Client(socket, socket.request.socket));
    next(refusal && new Error(refusal));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `${name}=${server.address().port}`;
}

const all = await Promise.all(Object.entries(scenarios).map((it) => serve(...it)));
console.log(`listening ${all.join(' ')}`);

process.stdin.resume().on('end', () => process.exit(failed ? 1 : 0));
