// Ask the server. Unreachable means that nothing is known of the answer.

const PATIENCE_SECONDS = 5;

export class Unreachable extends Error {}
export class LoggedOut extends Unreachable {}

export async function get(path) {
  const { status, body } = await ask("GET", path);
  if (status !== 200) throw Object.assign(new Error(body.detail), { status });
  return body;
}

export function post(path, body, headers = {}) {
  return ask("POST", path, body, headers);
}

// Return the status and the body of an answer that decides: one that asks to try again is as good as none.
async function ask(method, path, body, headers = {}) {
  const response = await fetched(method, path, body, headers);
  if (response.status === 401 || response.status === 403) throw new LoggedOut();
  if (response.status === 429 || response.status >= 500) throw new Unreachable();
  return { status: response.status, body: await readable(response) };
}

async function fetched(method, path, body, headers) {
  try {
    return await fetch(path, {
      method,
      headers: { "Content-Type": "application/json", "X-CSRFToken": token(), ...headers },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_SECONDS * 1000),
    });
  } catch {
    throw new Unreachable();
  }
}

async function readable(response) {
  try {
    return await response.json();
  } catch {
    throw new Unreachable();
  }
}

const token = () => document.cookie.match(/(?:^|; )csrftoken=([^;]*)/)?.[1] ?? "";
