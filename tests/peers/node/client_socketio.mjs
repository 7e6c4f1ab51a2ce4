// A client of JayX in Node's `socket.io-client`, which tests the simulated server of this project.
//
//     node client_socketio.mjs url=ws://.. key=..
//
// The server sends several candles of a minute each second, and the account of the key is active. It pings every 100 ms and
// disconnects a client after a second without a pong. The script prints a line for each step, and exits with status 1 at the
// first failure. client_socketio.py does the same in Python.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { io } from 'socket.io-client';
import { Inbox, TIMEOUT, enough, given, run, subscriptions, within } from './jayx.mjs';

const LONG = 1500;
const defaults = { reconnection: false, forceNew: true };
const options = { ...defaults, transports: ['websocket'] };

/** What happens first of these. */
function first(emitter, ...events) {
  const happens = events.map(
    (event) => new Promise((tell) => emitter.once(event, (...values) => tell([event, ...values]))),
  );
  return within(Promise.race(happens), events.join(' or '));
}

async function open(inbox = new Inbox(), of = options) {
  const socket = io(given.url, of);
  // Recorded as they happen: the upgrade may be over when the namespace is joined.
  const { engine } = socket.io;
  const transports = new Inbox();
  engine.once('open', () => transports.put(engine.transport.name));
  engine.once('upgrade', (to) => transports.put(to.name));
  for (const event of ['upgradeError', 'close']) engine.once(event, () => transports.put(event));
  socket.onAny((...event) => inbox.put(event));
  assert.deepEqual(await first(socket, 'connect', 'connect_error'), ['connect']);
  const transport = transports.next;
  assert.equal(await transport(), of.transports?.[0] ?? 'polling');
  assert(socket.id && socket.id !== socket.io.engine.id, 'each layer has a name of its own');
  return { socket, transport, next: inbox.next, emit: (name) => socket.emit(name, subscriptions[name]) };
}

/** Takes its leave, and the connection closes. */
async function end(socket) {
  const closed = first(socket.io.engine, 'close');
  const left = first(socket, 'disconnect');
  socket.disconnect();
  assert.equal((await left)[1], 'io client disconnect');
  await closed;
}

const ask = (socket, name, message) => socket.timeout(TIMEOUT).emitWithAck(name, message);

const steps = {
  async 'connect and disconnect'() {
    const { socket } = await open();
    await end(socket);
  },

  async 'each event by itself'() {
    for (const name of Object.keys(subscriptions)) {
      const { socket, next, emit } = await open();
      emit(name);
      await enough([name], next);
      await end(socket);
    }
  },

  async 'all four at once'() {
    const { socket, next, emit } = await open();
    const names = Object.keys(subscriptions);
    names.forEach(emit);
    await enough(names, next);
    await end(socket);
  },

  async acknowledgements() {
    const { socket, next, emit } = await open();
    for (const [name, message] of Object.entries(subscriptions)) {
      assert.deepEqual(await ask(socket, name, message), { ok: true });
    }
    const refused = (why) => ({ error: { message: why } });
    assert.deepEqual(
      await ask(socket, 'orderbook', subscriptions.orderbook),
      refused('an order book is already subscribed on this connection'),
    );
    assert.deepEqual(
      await ask(socket, 'positions', { apiKey: 'nobody', category: 'spot' }),
      refused('unknown apiKey'),
    );
    // Data continues to arrive.
    await enough(Object.keys(subscriptions), next);
    // Without an acknowledgement a refusal is an event.
    emit('orderbook');
    const error = within(new Promise((tell) => socket.once('error', tell)), 'the error');
    const { message } = await error;
    assert.equal(message, 'an order book is already subscribed on this connection');
    await end(socket);
  },

  /** For longer than either side waits for the other. */
  async heartbeat() {
    const { socket, next, emit } = await open();
    const pings = new Inbox();
    socket.io.on('ping', () => pings.put('ping'));
    await sleep(LONG);
    assert(socket.connected, 'still connected');
    for (let count = 0; count < 5; count += 1) await pings.next();
    emit('orderbook');
    await enough(['orderbook'], next);
    await end(socket);
  },

  /** Beside the default namespace, which goes on; and alone. */
  async 'a namespace that is refused'() {
    const { socket, next, emit } = await open();
    const beside = socket.io.socket('/admin');
    beside.connect();
    const [event, error] = await first(beside, 'connect', 'connect_error');
    assert.deepEqual([event, error.message], ['connect_error', 'Invalid namespace']);
    emit('orderbook');
    await enough(['orderbook'], next);
    beside.disconnect();
    await end(socket);

    const alone = io(`${given.url}/admin`, options);
    const [, why] = await first(alone, 'connect', 'connect_error');
    assert.equal(why?.message, 'Invalid namespace');
    alone.disconnect();
  },

  /** It polls, and goes on over WebSocket. The subscriptions are sent before, after, or while it does so. */
  async 'the default transports'() {
    const { socket, transport, next, emit } = await open(new Inbox(), defaults);
    const names = Object.keys(subscriptions);
    names.forEach(emit);
    assert.equal(await transport(), 'websocket');
    assert.equal(socket.io.engine.transport.name, 'websocket');
    await enough(names, next);
    await end(socket);
  },

  /** For longer than either side waits for the other. */
  async 'polling alone'() {
    const { socket, next, emit } = await open(new Inbox(), { ...defaults, transports: ['polling'] });
    const pings = new Inbox();
    socket.io.on('ping', () => pings.put('ping'));
    const names = Object.keys(subscriptions);
    names.forEach(emit);
    await enough(names, next);
    await sleep(LONG);
    assert(socket.connected, 'still connected');
    for (let count = 0; count < 5; count += 1) await pings.next();
    assert.equal(socket.io.engine.transport.name, 'polling');
    await end(socket);
  },

  /** In the words of Socket.IO's own server. */
  async 'a transport that is refused'() {
    const url = given.url.replace('ws:', 'http:');
    const answer = await fetch(`${url}/socket.io/?EIO=4&transport=webtransport`);
    assert.equal(answer.status, 400);
    assert.deepEqual(await answer.json(), { code: 0, message: 'Transport unknown' });
  },
};

await run(steps);
