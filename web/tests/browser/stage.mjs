// A dashboard of its own and a browser in front of it, for one story.
//
// The caller (a test of the workspace, or `cargo xtask screenshots`) gives the home and the rest of the environment; nothing
// else of the machine is used. Whatever the page complains of ends the story as a failure.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

/** No wait is longer; a story that comes near it has failed already. In milliseconds. */
export const LIMIT = 30_000;
/** The password of every dashboard in the stories. */
export const PASSWORD = 'correct horse battery staple';

const PROGRAM = needed('CLAUDE_ACCOUNTS_TEST_PROGRAM');
const CHROMIUM = needed('CLAUDE_ACCOUNTS_TEST_CHROMIUM');
/** What the browser must never do: talk to its maker. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** @param {string} name */
function needed(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

/** @returns {Promise<number>} */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/**
 * Waits until `look` gives something, looking again and again.
 * @template T
 * @param {string} what
 * @param {() => Promise<T | null | undefined | false> | T | null | undefined | false} look
 * @returns {Promise<T>}
 */
export async function until(what, look) {
  const deadline = Date.now() + LIMIT;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert.ok(Date.now() < deadline, `waited for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export class Stage {
  /** @type {import("node:child_process").ChildProcess | null} */
  #server = null;
  /** @type {import("playwright-core").Browser | null} */
  #browser = null;
  /** @type {string[]} */
  complaints = [];
  /** What the server prints. */
  printed = '';
  port = 0;
  /** The API token that the set-up showed. */
  token = '';

  get url() {
    return `http://localhost:${this.port}`;
  }

  /** @param {string[]} more options of `serve` */
  async startServer(more = []) {
    this.port ||= await freePort();
    const server = spawn(PROGRAM, ['serve', '--no-browser', '--port', String(this.port), ...more], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    server.stdout.on('data', (text) => {
      this.printed += text;
    });
    this.#server = server;
    await until('the server to answer', async () => {
      assert.equal(server.exitCode, null, `the server ended: ${this.printed}`);
      const answer = await fetch(`${this.url}/healthz`).catch(() => null);
      return answer?.ok;
    });
  }

  async stopServer() {
    const server = this.#server;
    this.#server = null;
    if (!server || server.exitCode !== null) return;
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    await ended;
  }

  /**
   * Runs `claude-accounts` to its end, as somebody beside the browser would.
   * @param {string[]} words
   * @param {string} [input]
   */
  run(words, input = '') {
    return execFileSync(PROGRAM, words, { input, encoding: 'utf8' });
  }

  /**
   * The API as a script uses it.
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   */
  async api(method, path, body) {
    const answer = await fetch(this.url + path, {
      method,
      headers: { 'X-Auth-Token': this.token, 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: answer.status, body: await answer.json().catch(() => null) };
  }

  /** Sets a password, not through the page. */
  async setUp() {
    const { status, body } = await this.api('POST', '/api/auth/setup', { password: PASSWORD });
    assert.equal(status, 201, JSON.stringify(body));
    this.token = body.api_token;
  }

  /** @param {import("playwright-core").BrowserContextOptions} [options] */
  async newContext(options = {}) {
    this.#browser ??= await chromium.launch({ executablePath: CHROMIUM, args: QUIET });
    const context = await this.#browser.newContext({
      locale: 'en-GB',
      viewport: { width: 1280, height: 800 },
      reducedMotion: 'reduce',
      ...options,
    });
    context.setDefaultTimeout(LIMIT);
    return context;
  }

  /**
   * A page that may not complain. `expected` are parts of complaints that belong to the story.
   * @param {import("playwright-core").BrowserContext} context
   * @param {string[]} [expected]
   */
  async newPage(context, expected = []) {
    const page = await context.newPage();
    const complain = (/** @type {string} */ text) => {
      if (!expected.some((part) => text.includes(part))) this.complaints.push(text);
    };
    page.on('pageerror', (error) => complain(`uncaught: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error') complain(`console: ${message.text()} (${message.location().url})`);
    });
    page.on('request', (request) => {
      const address = new URL(request.url());
      const own = address.host === `localhost:${this.port}` || ['data:', 'blob:'].includes(address.protocol);
      if (!own) complain(`a request to ${address.host}`);
    });
    return page;
  }

  /**
   * A page that is signed in, by a cookie of its own.
   * @param {import("playwright-core").BrowserContext} context
   * @param {string} [path]
   * @param {string[]} [expected]
   */
  async signedIn(context, path = '/', expected = []) {
    // Signing in again would end the sign-in of the context's other pages.
    if ((await context.cookies()).length === 0) {
      const answer = await context.request.post(`${this.url}/api/auth/login`, { data: { password: PASSWORD } });
      assert.equal(answer.status(), 200, await answer.text());
    }
    const page = await this.newPage(context, expected);
    await page.goto(this.url + path);
    return page;
  }

  /**
   * What axe finds wrong on the page, which is to be nothing.
   * @param {import("playwright-core").Page} page
   * @param {string} where
   */
  async accessible(page, where) {
    const axe = join(import.meta.dirname, '../../node_modules/axe-core/axe.min.js');
    // Through the debugger, which the page's content security policy does not bind.
    const { readFileSync } = await import('node:fs');
    await page.evaluate(readFileSync(axe, 'utf8'));
    const found = await page.evaluate(async () => {
      // @ts-expect-error: made by the line above
      const results = await window.axe.run(document, {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
      });
      return results.violations.map((/** @type {any} */ violation) => ({
        rule: violation.id,
        at: violation.nodes.map((/** @type {any} */ node) => `${node.target}: ${node.failureSummary}`),
      }));
    });
    assert.deepEqual(found, [], `axe, ${where}`);
  }

  /** What every open page shows, in the directory that is kept of a failure, if one was named. */
  async picture() {
    const directory = process.env.CLAUDE_ACCOUNTS_TEST_PICTURES;
    const contexts = directory ? (this.#browser?.contexts() ?? []) : [];
    for (const [number, page] of contexts.flatMap((context) => context.pages()).entries()) {
      await page.screenshot({ path: join(String(directory), `${number}.png`) }).catch(() => null);
    }
  }

  async end() {
    await this.#browser?.close();
    await this.stopServer();
  }
}
