// A server of order books in Node's `ws`, which tests the client of this project.
//
// It prints `listening PORT`, then a line for each connection: `ok SCENARIO`, or `failed SCENARIO: WHY`.
// The scenario is the first part of the path: `ws://127.0.0.1:PORT/fragments/ws/v1/markets`. The script exits at the end of
// its standard input, with status 1 after a failure. server.py does the same in Python.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { WebSocketServer } from 'ws';

const TIMEOUT = 10_000;
const ENDPOINT = '/ws/v1/markets';

const lines = Object.fromEntries(
  readFileSync(new URL('../lines.txt', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]),
);

/** One client: what it sent, and the ways to send it something. */
class Client {
  #ws;
  #signal = AbortSignal.timeout(TIMEOUT);
  #closed;
  #first;

  constructor(ws, socket) {
    this.#ws = ws;
    this.socket = socket;
    this.extensions = ws.extensions;
    ws.on('error', () => {});
    // Registered now, so that neither event is missed.
    this.#closed = once(ws, 'close', { signal: this.#signal });
    this.#first = once(ws, 'message', { signal: this.#signal });
    this.#closed.catch(() => {});
    this.#first.catch(() => {});
  }

  /** The client asks for its market's books, in its first message. */
  async subscription() {
    const [data, isBinary] = await this.#unlessClosed(this.#first);
    assert.equal(isBinary, false, 'the subscription is text');
    const { currency = 'USD', ...message } = JSON.parse(data);
    assert.deepEqual(message, { type: 'subscribe', channel: 'orderbook', marketIds: ['mkt_1'] });
    assert.equal(currency, 'USD');
  }

  send(text) {
    this.#ws.send(text);
  }

  /** One text message in several frames. */
  fragments(pieces) {
    pieces.forEach((piece, place) => this.fragment(piece, place === pieces.length - 1));
  }

  fragment(piece, fin) {
    this.#ws.send(piece, { fin, binary: false });
  }

  /** A ping, and the pong with the same payload. */
  async ping(payload) {
    const pong = once(this.#ws, 'pong', { signal: this.#signal });
    this.#ws.ping(payload);
    const [echo] = await this.#unlessClosed(pong);
    assert.deepEqual(echo, Buffer.from(payload), 'the pong has the payload of the ping');
  }

  pong(payload) {
    this.#ws.pong(payload);
  }

  /** Closes. The client answers with the same code. */
  async close(code, reason) {
    this.#ws.close(code, reason);
    await this.closed(code ?? 1005);
  }

  /** The client closes, or has closed, with this code. */
  async closed(expected) {
    const [code] = await this.#closed;
    assert.equal(code, expected, 'the code of the close frame that the client sent');
  }

  /** Gives up. */
  cut() {
    this.#ws.terminate();
  }

  /** What is awaited never comes on a connection that is closed. */
  #unlessClosed(event) {
    const lost = this.#closed.then(([code]) => assert.fail(`the client closed too early, ${code}`));
    return Promise.race([event, lost]);
  }
}

/** A text in pieces that end after so many bytes, wherever that is in a character. */
function cut(text, ...ends) {
  const bytes = Buffer.from(text);
  return [0, ...ends].map((start, place) => bytes.subarray(start, ends[place]));
}

function everyByte(text) {
  return Array.from(Buffer.from(text), (byte) => Buffer.of(byte));
}

const scenarios = {
  /** Messages in fragments: a few, some of them empty, and one for each byte. */
  async fragments(client) {
    await client.subscription();
    client.fragments(cut(lines.connected, 1, 40));
    client.fragments(cut(lines.subscribed, 0, 30, 30));
    client.fragments(everyByte(lines.wide));
    await client.close(1000, '');
  },

  /** Pings between the fragments of a message. The rest of it waits for the pongs. */
  async interleaved(client) {
    await client.subscription();
    client.send(lines.subscribed);
    const [first, second, third] = cut(lines.yes, 7, 120);
    client.fragment(first, false);
    await client.ping('in the middle');
    client.fragment(second, false);
    await client.ping('');
    client.fragment(third, true);
    await client.close(1000, '');
  },

  /** Pings with payloads, up to the longest, and a pong that nobody asked for. */
  async pings(client) {
    await client.subscription();
    client.send(lines.subscribed);
    await client.ping('');
    await client.ping('are you there?');
    await client.ping(Buffer.from(Array.from({ length: 125 }, (_, place) => 255 - place)));
    client.pong('unasked');
    client.send(lines.yes);
    await client.ping('\0');
    await client.close(1000, '');
  },

  /** A close with a code and a reason. */
  async close(client) {
    await client.subscription();
    client.send(lines.subscribed);
    client.send(lines.yes);
    await client.close(4321, 'maintenance, à bientôt');
  },

  /** A close with neither. */
  async bare(client) {
    await client.subscription();
    client.send(lines.subscribed);
    await client.close();
  },

  /** Several messages in a frame, among them blank, broken and unknown ones. The last frame is long. */
  async batches(client) {
    await client.subscription();
    client.send(`${lines.connected}\n${lines.subscribed}`);
    client.send(`\n${lines.yes}\n\n${lines.broken}\n${lines.unknown}\n${lines.no}\n`);
    client.send(Array.from({ length: 200 }, () => `${lines.later}\n${lines.yes}`).join('\n'));
    await client.close(1000, '');
  },

  /** Every byte in a segment of its own, those of the upgrade's answer too. */
  async bytes(client) {
    await client.subscription();
    client.send(lines.connected);
    client.send(lines.subscribed);
    client.send(lines.yes);
    await client.ping('a byte at a time');
    await client.close(1000, '');
  },

  /** Messages in the same segment as the upgrade's answer. */
  async heels(client) {
    client.send(lines.connected);
    client.send(lines.yes);
    client.socket.uncork();
    await client.subscription();
    client.send(lines.subscribed);
    client.send(lines.no);
    await client.close(1000, '');
  },

  /** The client ends it. */
  async stopped(client) {
    await client.subscription();
    client.send(lines.subscribed);
    client.send(lines.yes);
    await client.closed(1000);
  },
};

/** What happens to the socket before the upgrade is answered. */
const wires = { bytes: drip, heels: (socket) => socket.cork() };

/** Writes to the socket one byte at a time, each in a segment of its own. */
function drip(socket) {
  const write = socket.write.bind(socket);
  let last = Promise.resolve();
  socket.cork = socket.uncork = () => {};
  socket.write = (data, ...rest) => {
    for (const byte of Buffer.from(data)) {
      last = last.then(() => new Promise((next) => write(Buffer.of(byte), () => setImmediate(next))));
    }
    const done = rest.at(-1);
    if (typeof done === 'function') last = last.then(() => done());
    return true;
  };
}

let failed = 0;

async function run(name, client) {
  try {
    // The server supports compression, but the client under test must not offer it.
    assert.equal(client.extensions, '', 'the extensions');
    await scenarios[name](client);
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    client.cut();
    console.log(`failed ${name}: ${error.message.replaceAll('\n', ' ')}`);
  }
}

const upgrades = new WebSocketServer({ noServer: true, perMessageDeflate: true });
const server = http.createServer();
server.on('upgrade', (request, socket, head) => {
  const name = request.url.slice(1, -ENDPOINT.length);
  if (!request.url.endsWith(ENDPOINT) || !Object.hasOwn(scenarios, name)) {
    socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
    return;
  }
  socket.setNoDelay(true);
  wires[name]?.(socket);
  upgrades.handleUpgrade(request, socket, head, (ws) => {
    void run(name, new Client(ws, socket));
  });
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));

process.stdin.resume().on('end', () => process.exit(failed ? 1 : 0));
