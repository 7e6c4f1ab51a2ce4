// A client of JayX in Node's `ws`, in the plain envelope, which tests the simulated server of this project.
//
//     node client_plain.mjs bare=ws://.. message=ws://.. data=ws://.. key=..
//
// There is a server for each form of a payload. They send several candles of a minute each second, and the account of the
// key is active. The script prints a line for each step, and exits with status 1 at the first failure.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { Inbox, TIMEOUT, enough, given, run, subscriptions, within } from './jayx.mjs';

/** Which event a payload is of, by its keys. */
function event(payload) {
  if ('orderBook' in payload) return 'orderbook';
  if ('spot' in payload) return 'positions';
  if ('add' in payload) return 'kline';
  if ('cancel' in payload) return 'openorders';
  if ('error' in payload) return 'error';
  return assert.fail(`what is this? ${JSON.stringify(payload)}`);
}

/** Takes the payload out of its envelope. */
const unwrap = {
  bare: (it) => [event(it), it],
  message: ({ event: name, message, ...rest }) => [name, message, ...Object.keys(rest)],
  data: ({ event: name, data, ...rest }) => [name, data, ...Object.keys(rest)],
};

async function open(form) {
  const ws = new WebSocket(given[form], { handshakeTimeout: TIMEOUT });
  const inbox = new Inbox();
  ws.on('message', (data, isBinary) => {
    const message = isBinary ? assert.fail('binary') : JSON.parse(data);
    // A refusal is never wrapped.
    inbox.put(message.error ? ['error', message] : unwrap[form](message));
  });
  await within(once(ws, 'open'), 'a connection');
  assert.equal(ws.extensions, '');
  const send = (name, message = subscriptions[name]) => ws.send(JSON.stringify({ event: name, message }));
  return { ws, next: inbox.next, send };
}

async function end(ws) {
  const closed = within(once(ws, 'close'), 'the close');
  ws.close(1000, 'done');
  assert.equal((await closed)[0], 1000);
}

const steps = {
  async 'each event by itself'() {
    for (const name of Object.keys(subscriptions)) {
      const { ws, next, send } = await open('bare');
      send(name);
      await enough([name], next);
      await end(ws);
    }
  },

  async 'all four at once, wrapped in every way'() {
    for (const form of Object.keys(unwrap)) {
      const { ws, next, send } = await open(form);
      const names = Object.keys(subscriptions);
      names.forEach((name) => send(name));
      await enough(names, next);
      await end(ws);
    }
  },

  async refusals() {
    const { ws, next, send } = await open('bare');
    const refused = async (why) => {
      assert.deepEqual(await next(), ['error', { error: { message: why } }]);
    };
    ws.send('{"event":');
    await refused('the message is not valid JSON');
    ws.send('{}');
    await refused('event is required');
    send('trades');
    await refused('unknown event: trades');
    send('positions', { apiKey: 'nobody', category: 'spot' });
    await refused('unknown apiKey');
    send('kline', { category: 'spot', symbol: 'NOPE', interval: '60' });
    await refused('unknown symbol: NOPE');
    send('orderbook');
    await enough(['orderbook'], next);
    await end(ws);
  },

  async 'pings of the protocol'() {
    const { ws } = await open('bare');
    for (const payload of ['', 'are you there?']) {
      const pong = within(once(ws, 'pong'), 'a pong');
      ws.ping(payload);
      assert.equal(String((await pong)[0]), payload);
    }
    await end(ws);
  },
};

await run(steps);
