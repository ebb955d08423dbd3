// Decide whether somebody is let in: by the server, or by the list on this device while the server can't be reached.

import * as codes from "./codes.js";
import { LoggedOut, Unreachable, post } from "./server.js";
import { load, save } from "./storage.js";

const AT_ONCE = 100;

export const state = { isReachable: navigator.onLine, isLoggedOut: false, queue: [], conflicts: [] };

export async function open() {
  await codes.open();
  state.queue = await load("queue", []);
  state.conflicts = await load("conflicts", []);
}

// Return { verdict, at, device, ticket, entry }. An entry that was let in has its nonce for ever.
export async function checkIn(text, { device, ...filter }) {
  const entry = { [codes.isQr(text) ? "qr" : "code"]: text.trim(), device, nonce: nonce(), at: now() };
  if (!codes.keyOf(text)) return { verdict: "unreadable" };
  const isUnlisted = (await codes.statusOf(text)) === undefined;
  if (isUnlisted && state.isReachable) await refresh(filter); // It may have been issued just now.
  if ((await codes.statusOf(text)) === undefined) return { verdict: "unlisted" };
  if (state.isReachable) {
    const answer = await reached(() => post("/api/check-ins/", entry));
    if (answer) return decided(text, entry, answer);
  }
  return offline(text, entry);
}

async function decided(text, entry, { status, body }) {
  if (status === 200) {
    await codes.mark([[text, "checked_in"]]);
    return { verdict: "admitted", ticket: body.id, entry, detail: [body.title, body.seat].filter(Boolean).join(", ") };
  }
  const refusal = refusalOf(body);
  await codes.mark([[text, STATUSES[refusal.verdict]]]);
  return refusal;
}

const VERDICTS = {
  "urn:problem:already-checked-in": "used",
  "urn:problem:already-canceled": "canceled",
  "urn:problem:unknown-code": "unlisted",
  "urn:problem:qr-not-genuine": "foreign",
};
const STATUSES = { used: "checked_in", canceled: "canceled" };

// Return { verdict, at, device, detail }; what decides nothing about the ticket is told in the server's words.
export function refusalOf(problem) {
  const verdict = VERDICTS[problem.type];
  const words = problem.errors ? Object.values(problem.errors).flat().join(" ") : problem.detail;
  const at = problem.checked_in_at ?? problem.canceled_at;
  return { verdict: verdict ?? "unknown", at, device: problem.device, detail: verdict ? "" : words };
}

async function offline(text, entry) {
  const waiting = state.queue.find((other) => codes.keyOf(textOf(other)) === codes.keyOf(text));
  if (waiting) return { verdict: "used", at: waiting.at, device: waiting.device };
  switch (await codes.statusOf(text)) {
    case null: return { verdict: "unknown" };
    case undefined: return { verdict: "unlisted" };
    case "canceled": return { verdict: "canceled" };
    case "checked_in": return { verdict: "used" };
  }
  state.queue.push(entry);
  await save("queue", state.queue);
  return { verdict: "admittedLater", entry };
}

export const textOf = (entry) => entry.qr ?? entry.code;

// Send what is waiting, then get what is new. A check-in leaves the queue only with the server's answer.
export async function refresh(filter) {
  await reached(async () => {
    while (state.queue.length) await send(state.queue.slice(0, AT_ONCE));
    await codes.update(filter);
  });
}

async function send(entries) {
  for (const entry of entries) entry.isSent = true; // The answer may get lost: from now on the server may know it.
  await save("queue", state.queue);
  const { body } = await post("/api/gate/check-ins/", entries.map(({ isSent, ...entry }) => entry));
  if (!body.results) throw new Unreachable();
  const statuses = body.results.map(({ problem }) => (problem ? STATUSES[refusalOf(problem).verdict] : "checked_in"));
  await codes.mark(entries.map((entry, index) => [textOf(entry), statuses[index]]));
  for (const [index, result] of body.results.entries()) {
    entries[index].ticket = result.ticket;
    if (result.problem) state.conflicts.push({ entry: entries[index], problem: result.problem });
  }
  await save("conflicts", state.conflicts);
  state.queue = state.queue.filter((entry) => !entries.includes(entry));
  await save("queue", state.queue);
}

export async function forgetConflicts() {
  state.conflicts = [];
  await save("conflicts", []);
}

// Take the check-in back: out of the queue if nobody knows of it, else on the server. Tell whether it worked.
export async function undo(last, filter) {
  const { entry } = last;
  if (state.queue.includes(entry) && !entry.isSent) {
    state.queue = state.queue.filter((other) => other !== entry);
    await save("queue", state.queue);
    await codes.mark([[textOf(entry), "issued"]]);
    return true;
  }
  if (state.queue.includes(entry)) await refresh(filter);
  const ticket = last.ticket ?? entry.ticket;
  const path = `/api/tickets/${ticket}/undo-check-in/`;
  const answer = ticket && (await reached(() => post(path, {}, { "Idempotency-Key": `undo-${entry.nonce}` })));
  if (answer?.status !== 200) return false;
  await codes.mark([[textOf(entry), "issued"]]);
  return true;
}

async function reached(call) {
  try {
    const answer = await call();
    Object.assign(state, { isReachable: true, isLoggedOut: false });
    return answer;
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    Object.assign(state, { isReachable: false, isLoggedOut: error instanceof LoggedOut });
    return null;
  }
}

const now = () => new Date().toISOString();
const nonce = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
