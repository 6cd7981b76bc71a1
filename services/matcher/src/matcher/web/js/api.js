import { sentence } from "./format.js";

const TEMPORARY = new Set([0, 429, 502, 503, 504]);
const LONGEST_WAIT_S = 15;

/** "trouble" with `{error, wait}` while the server can't be reached, "fine" once it answers again or no call waits for it, "locked" where it asks for a key. */
export const network = new EventTarget();
const waiting = new Set();

/** The server's problem+json, or what stands for it where there is none. `status` 0: no answer at all; null: nothing was asked. */
export class ApiError extends Error {
  constructor(status, code, detail, retryAfter = null) {
    super(detail);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  get temporary() {
    return TEMPORARY.has(this.status);
  }
}

export function offline() {
  return new ApiError(0, "network", "The server can't be reached.");
}

export function problem(status, text, retryAfter) {
  if (status === 401) network.dispatchEvent(new Event("locked"));
  const body = parsed(text);
  const code = body?.code ?? `http_${status}`;
  const detail = sentence(body?.detail) ?? sentence(body?.title) ?? `The server answered ${status}.`;
  return new ApiError(status, code, detail, seconds(retryAfter));
}

/** One request: `{status, body, retryAfter}`. Raises ApiError, or AbortError where `signal` was aborted. */
export async function request(path, { method = "GET", signal, headers = {} } = {}) {
  let response;
  let text;
  try {
    response = await fetch(path, { method, signal, headers: { Accept: "application/json", ...headers } });
    text = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw offline();
  }
  const retryAfter = response.headers.get("Retry-After");
  if (!response.ok) throw problem(response.status, text, retryAfter);
  return { status: response.status, body: parsed(text), retryAfter: seconds(retryAfter) };
}

/** `call` until it answers, waiting longer each time; gives up after `tries`, or at an error that will not pass. */
export async function patiently(call, { signal, tries = Infinity } = {}) {
  const own = Symbol("call");
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await call();
        network.dispatchEvent(new Event("fine"));
        return answer;
      } catch (error) {
        if (!(error instanceof ApiError) || !error.temporary || attempt >= tries) throw error;
        const wait = error.retryAfter ?? Math.min(2 ** (attempt - 1), LONGEST_WAIT_S);
        waiting.add(own);
        network.dispatchEvent(new CustomEvent("trouble", { detail: { error, wait } }));
        await pause(wait, signal);
      }
    }
  } finally {
    if (waiting.delete(own) && !waiting.size) network.dispatchEvent(new Event("fine"));
  }
}

export function fetchJson(path, { signal } = {}) {
  return patiently(() => request(path, { signal }), { signal });
}

export function remove(path) {
  return request(path, { method: "DELETE" });
}

/** Waits, or less where the network comes back meanwhile. */
export function pause(waitSeconds, signal) {
  return new Promise((resolve, reject) => {
    const end = (settle, value) => {
      clearTimeout(timer);
      window.removeEventListener("online", wake);
      signal?.removeEventListener("abort", stop);
      settle(value);
    };
    const wake = () => end(resolve);
    const stop = () => end(reject, signal.reason);
    const timer = setTimeout(wake, waitSeconds * 1000);
    window.addEventListener("online", wake);
    signal?.addEventListener("abort", stop);
    if (signal?.aborted) stop();
  });
}

export function withQuery(path, values) {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== null && value !== undefined));
  return `${path}?${query}`;
}

function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

function seconds(header) {
  const value = Number.parseFloat(header ?? "");
  return Number.isFinite(value) && value >= 0 ? value : null;
}
