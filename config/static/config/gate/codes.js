// The list of codes on the device: hashes with the statuses of their tickets.

import { get } from "./server.js";
import { load, save } from "./storage.js";

const HASH_BYTES = 12;
const IGNORED = /[\p{Zs}\p{Cc}\p{Cf}\p{Pd}]/gu;

let list = null;

export async function open() {
  list = await load("list", null);
}

export const size = () => list && list.codes.size;
export const asOf = () => list && list.at;

// Return "issued", "checked_in", "canceled", undefined for a code that is not on the list, or null without a list.
export async function statusOf(text) {
  return list && list.codes.get(await hashOf(text));
}

// Note what the server has said of tickets, as pairs of text and status: the list may be older, and its update may fail.
export async function mark(pairs) {
  if (!list) return;
  for (const [text, status] of pairs) if (status) list.codes.set(await hashOf(text), status);
  await save("list", list);
}

// Get what is new; another venue or day begins another list, which replaces the old one once it is complete.
export async function update(filter) {
  const wanted = JSON.stringify(filter);
  const fresh = () => ({ filter: wanted, codes: new Map(), next: "" });
  let begun = list?.filter === wanted ? list : fresh();
  try {
    await fill(begun, filter);
  } catch (error) {
    if (error.status !== 400 && error.status !== 410) throw error;
    begun = fresh(); // The database was restored.
    await fill(begun, filter);
  }
  list = begun;
  await save("list", list);
}

async function fill(begun, { venue, day }) {
  let page;
  do {
    const parameters = { starts_from: day, starts_to: day, limit: 5000, ...(venue && { venue }) };
    if (begun.next) parameters.since = begun.next;
    page = await get(`/api/gate/codes/?${new URLSearchParams(parameters)}`);
    for (const [hash, status] of Object.entries(page.codes)) begun.codes.set(hash, status);
    Object.assign(begun, { salt: page.salt, next: page.next, at: Date.now() });
  } while (page.has_more);
}

async function hashOf(text) {
  const bytes = new TextEncoder().encode(`${list.salt}.${keyOf(text)}`);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).slice(0, HASH_BYTES);
  return btoa(String.fromCharCode(...digest)).replaceAll("+", "-").replaceAll("/", "_");
}

export const isQr = (text) => text.trim().startsWith("T1.");
const codeIn = (text) => (isQr(text) ? text.trim().slice(3, text.trim().lastIndexOf(".")) : text);
export const keyOf = (text) => codeIn(text).normalize("NFKC").replace(IGNORED, "").toUpperCase();
