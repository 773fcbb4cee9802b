// The connection that all panes share, against a socket that the test drives.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TerminalConnection } from '../src/terminal/connection.js';

class FakeSocket {
  connected = false;
  active = true;
  /** @type {{event: string, payload: any, answered?: (answer: any) => void}[]} */
  sent = [];
  /** @type {Map<string, ((message: any) => void)[]>} */
  listeners = new Map();

  on(/** @type {string} */ event, /** @type {(message: any) => void} */ listener) {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]);
    return this;
  }
  emit(/** @type {string} */ event, /** @type {any} */ payload, /** @type {any} */ answered) {
    assert.ok(this.connected, 'Socket.IO would send it later');
    this.sent.push({ event, payload, answered });
    return this;
  }
  connect() {
    return this;
  }
  disconnect() {
    return this;
  }
  come(/** @type {string} */ event, /** @type {any} */ message) {
    for (const listener of this.listeners.get(event) ?? []) listener(message);
  }
  up() {
    this.connected = true;
    this.come('connect', undefined);
  }
  down(reason = 'transport close') {
    this.connected = false;
    this.come('disconnect', reason);
  }
  /** What was sent since the last time. */
  take() {
    return this.sent.splice(0).map(({ event, payload }) => [event, payload]);
  }
}

function view() {
  /** @type {any[]} */
  const seen = [];
  const note =
    (/** @type {string} */ name) =>
    (/** @type {any[]} */ ...inputs) =>
      void seen.push([name, ...inputs]);
  return {
    seen,
    started: note('started'),
    output: (/** @type {string} */ data, /** @type {boolean} */ replace, /** @type {() => void} */ parsed) => {
      seen.push(['output', data, replace]);
      parsed();
    },
    resized: note('resized'),
    exited: note('exited'),
    failed: note('failed'),
    loginCompleted: note('login'),
    connectionChanged: note('state'),
    inputLost: note('lost'),
  };
}

function connection() {
  const socket = new FakeSocket();
  return { socket, made: new TerminalConnection(/** @type {any} */ (socket)) };
}

const SIZE = { rows: 40, cols: 120 };
const started = (/** @type {string} */ session) => ({ session, account_id: '1', ...SIZE, after: 0, kind: 'terminal' });

test('after a dropped connection each pane goes on where it was and nothing is started', async () => {
  const { socket, made } = connection();
  socket.up();
  /** @type {import('../src/terminal/workspace.js').StartRequest} */
  const request = { key: 1, account_id: '1', kind: 'terminal' };
  const answer = made.start(request, SIZE);
  await turn();
  assert.deepEqual(socket.take(), [['start_terminal', { account_id: '1', ...SIZE }]]);
  socket.come('terminal_started', started('a'));
  socket.come('terminal_output', { session: 'a', data: 'before anybody looked', after: 21 });
  const pane = view();
  made.attach((await answer).session, pane);
  assert.deepEqual(pane.seen[1], ['output', 'before anybody looked', false]);
  made.attach('b', view());
  socket.take();

  socket.down();
  socket.up();
  assert.deepEqual(socket.take(), [
    ['start_terminal', { session: 'a', after: 21, ...SIZE }],
    ['start_terminal', { session: 'b' }],
  ]);
  assert.equal(request.sent, true);
});

test('a start whose answer is lost fails and is not repeated', async () => {
  const { socket, made } = connection();
  socket.up();
  const answer = made.start({ key: 1, account_id: '1', kind: 'terminal' }, SIZE);
  await turn();
  socket.take();
  socket.down();
  await assert.rejects(answer);
  socket.up();
  assert.deepEqual(socket.take(), []);
});

test('starts go one after the other, each with its own answer', async () => {
  const { socket, made } = connection();
  const first = made.start({ key: 1, account_id: '1', kind: 'terminal' }, SIZE);
  const second = made.start({ key: 2, account_id: '2', kind: 'login' }, SIZE);
  socket.up();
  await turn();
  const [asked] = socket.sent;
  assert.deepEqual(socket.take(), [['start_terminal', { account_id: '1', ...SIZE }]]);
  socket.come('terminal_error', { error: 'There is no such account.', hint: 'Choose another.' });
  await assert.rejects(first, { message: 'There is no such account.', hint: 'Choose another.' });
  await turn();
  // The refusal comes again as the answer to the first, while the second waits for its own.
  asked.answered?.({ error: 'There is no such account.' });
  assert.deepEqual(socket.take(), [['start_login', { account_id: '2', ...SIZE }]]);
  socket.come('terminal_started', started('b'));
  assert.equal((await second).session, 'b');
});

test('keys typed while the connection is away go nowhere, now or later', () => {
  const { socket, made } = connection();
  socket.up();
  const channel = made.attach('a', view());
  socket.down();
  channel.input('rm -rf build\r');
  socket.take();
  socket.up();
  assert.deepEqual(
    socket.take().filter(([event]) => event === 'terminal_input'),
    [],
  );
});

test('what the server takes no more of is told', () => {
  const { socket, made } = connection();
  socket.up();
  const pane = view();
  const channel = made.attach('a', pane);
  channel.input('x'.repeat(1000));
  socket.sent.at(-1)?.answered?.({ error: 'the program takes no more input; this was not typed' });
  assert.deepEqual(pane.seen.at(-1), ['lost', 1000]);
});

test('a pane that is closed detaches and hears nothing more', () => {
  const { socket, made } = connection();
  socket.up();
  const pane = view();
  made.attach('a', pane);
  made.detach('a');
  assert.deepEqual(socket.take().at(-1), ['detach_terminal', { session: 'a' }]);
  const before = pane.seen.length;
  socket.come('terminal_output', { session: 'a', data: 'x', after: 1 });
  assert.equal(pane.seen.length, before);
});

test('an ended session is not attached again', () => {
  const { socket, made } = connection();
  socket.up();
  made.attach('a', view());
  socket.come('terminal_exit', { session: 'a', code: 0, signal: null });
  socket.take();
  socket.down();
  socket.up();
  assert.deepEqual(socket.take(), []);
});

test('a refusal by the server is told once and ends the trying', () => {
  const { socket, made } = connection();
  let refused = 0;
  made.onRefused = () => {
    refused += 1;
  };
  socket.active = true;
  socket.come('connect_error', new Error('websocket error'));
  assert.deepEqual([refused, made.state], [0, 'lost']);
  socket.active = false;
  socket.come('connect_error', new Error('not signed in'));
  assert.deepEqual([refused, made.state], [1, 'refused']);
});

test('a watcher learns its session and loses none of its output', () => {
  const { socket, made } = connection();
  /** @type {string[]} */
  const found = [];
  made.onWatched((session) => void found.push(session));
  socket.up();
  socket.come('terminal_started', { ...started('w'), read_only: true });
  socket.come('terminal_output', { session: 'w', data: 'picture', after: 7, reset: true });
  assert.deepEqual(found, ['w']);
  const pane = view();
  made.attach('w', pane);
  assert.deepEqual(
    pane.seen.map(([name]) => name),
    ['started', 'output', 'state'],
  );
});

/** Lets promises that are settled run on. */
function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}
