// Requests to the server. An answer that is no success becomes an ApiError; a server that cannot be reached is told to
// connection.js; a request that needs a fresh sign-in asks for the password and is sent once more.
import { connectionLost } from './connection.js';

/** A refusal by the server: `message` is what went wrong, `hint` what to do next. */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status
   * @param {Record<string, any>} body the answer
   * @param {number|null} retryAfter seconds, for too many tries
   */
  constructor(status, body, retryAfter) {
    super(typeof body.error === 'string' ? body.error : `HTTP ${status}`);
    this.name = 'ApiError';
    this.status = status;
    this.body = body;
    /** @type {string|null} */
    this.hint = typeof body.hint === 'string' ? body.hint : null;
    /** @type {string|null} */
    this.code = typeof body.code === 'string' ? body.code : null;
    this.retryAfter = retryAfter;
  }
}

/** The server could not be reached; the banner says so already. */
export class Unreachable extends Error {
  name = 'Unreachable';
}

/** The user closed the question for the password: nothing was done, and nothing need be said. */
export class Cancelled extends Error {
  name = 'Cancelled';
}

/** @type {() => Promise<boolean>} Asks for the password; false if the user would rather not. */
let askForPassword = async () => false;
/** @type {() => void} */
let signedOut = () => {};
/** @type {Promise<boolean>|null} One question at a time, however many requests need it. */
let asking = null;

/**
 * The frame says here how to ask for the password and what to do when the sign-in has ended.
 * @param {{askForPassword: () => Promise<boolean>, signedOut: () => void}} handlers
 */
export function connectApi(handlers) {
  askForPassword = handlers.askForPassword;
  signedOut = handlers.signedOut;
}

/** Where a 401 speaks of the password just typed, not of the sign-in. */
const CHECKS_A_PASSWORD = /^\/api\/auth\/(login|confirm|setup|change-password)/;

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<Response>}
 */
async function send(method, path, body) {
  /** @type {RequestInit} */
  const request = { method, credentials: 'same-origin', headers: { Accept: 'application/json, text/plain' } };
  if (method === 'POST' || method === 'PUT') {
    request.headers = { ...request.headers, 'Content-Type': 'application/json' };
    request.body = JSON.stringify(body ?? {});
  }
  const asked = fetch(path, request);
  if (method !== 'GET') waitFor(asked);
  let answer;
  try {
    answer = await asked;
  } catch (error) {
    connectionLost();
    throw new Unreachable(String(error));
  }
  if (answer.ok) return answer;
  throw await refusal(path, answer);
}

/** @type {Set<Promise<unknown>>} */
const changing = new Set();

/** @param {Promise<unknown>} request */
function waitFor(request) {
  /** @type {Promise<unknown>} */
  const ended = request.catch(() => null).then(() => changing.delete(ended));
  changing.add(ended);
}

/** Until what is being changed now has its answer: a change of the password brings another cookie with it. */
export async function settled() {
  await Promise.all(changing);
}

/**
 * @param {string} path
 * @param {Response} answer
 */
async function refusal(path, answer) {
  const body = await answer.json().catch(() => ({}));
  const retryAfter = Number(answer.headers.get('Retry-After')) || null;
  const error = new ApiError(answer.status, body ?? {}, retryAfter);
  const ended = answer.status === 401 && !CHECKS_A_PASSWORD.test(path);
  if (ended || error.code === 'not_signed_in') signedOut();
  return error;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 */
async function sendFresh(method, path, body) {
  try {
    return await send(method, path, body);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'fresh_sign_in_needed') throw error;
    asking ??= askForPassword().finally(() => {
      asking = null;
    });
    if (!(await asking)) throw new Cancelled();
    return send(method, path, body);
  }
}

/**
 * @param {Response} answer
 * @returns {Promise<any>}
 */
async function parsed(answer) {
  const text = await answer.text();
  return text === '' ? {} : JSON.parse(text);
}

export const api = {
  /** @param {string} path @returns {Promise<any>} */
  get: async (path) => parsed(await sendFresh('GET', path)),
  /** An answer that is plain text. @param {string} path */
  text: async (path) => (await sendFresh('GET', path)).text(),
  /** @param {string} path @param {unknown} [body] @returns {Promise<any>} */
  post: async (path, body) => parsed(await sendFresh('POST', path, body)),
  /** @param {string} path @param {unknown} [body] @returns {Promise<any>} */
  put: async (path, body) => parsed(await sendFresh('PUT', path, body)),
  /** @param {string} path @returns {Promise<any>} */
  delete: async (path) => parsed(await sendFresh('DELETE', path)),
};
