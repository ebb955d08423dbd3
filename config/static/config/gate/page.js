// The gate's page: takes codes, shows the answer, and keeps list and queue up to date.

import * as admission from "./admission.js";
import * as codes from "./codes.js";
import { start } from "./scanner.js";
import { load, save } from "./storage.js";

const SYNC_SECONDS = 15;
const OFFLINE_SYNC_SECONDS = 3;
const LONGEST_NIGHT_HOURS = 6; // After midnight the evening's list stays; the list of an earlier one would refuse everybody.
const KINDS = { admitted: "good", admittedLater: "good", unknown: "unsure", unlisted: "unsure", undone: "unsure" };

const find = (selector) => document.querySelector(selector);
const texts = JSON.parse(find("#texts").textContent);
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const timeOf = (at) => new Date(at).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
const where = find("#where").elements;
const settings = () => ({ device: where.device.value.trim(), venue: where.venue.value, day: where.day.value });
const dayBefore = (hours) => new Date(Date.now() - hours * 3600_000).toLocaleDateString("sv");
const filter = () => ({ venue: where.venue.value, day: where.day.value });

let last = null;
let stop = null;
let working = Promise.resolve();

// One after the other: a code that is scanned and typed at once is checked in once.
function inTurn(work) {
  working = working.then(work, work);
  return working;
}

async function take(text) {
  const result = await admission.checkIn(text, settings());
  if (result.entry) last = result;
  show(result.verdict, explain(result));
}

function explain({ verdict, at, device, detail }) {
  if (detail) return detail;
  if (verdict === "used" && at) return filled(texts.usedAt, { time: timeOf(at), device: device || texts.usedSomewhere });
  if (verdict === "canceled" && at) return filled(texts.canceledSince, { time: timeOf(at) });
  if (verdict === "admittedLater") return texts.admittedLater;
  return texts[`${verdict}Why`] ?? "";
}

function show(verdict, why = "") {
  const kind = KINDS[verdict] ?? "bad";
  find("#answer").className = `answer ${kind}`;
  find("#answer .word").textContent = texts[verdict === "admittedLater" ? "admitted" : verdict];
  find("#answer .why").textContent = why;
  if (kind !== "good") navigator.vibrate?.([200, 80, 200]);
  showState();
}

function showState() {
  const { isReachable, isLoggedOut, queue, conflicts } = admission.state;
  const connection = find("#connection");
  connection.textContent = isReachable ? texts.online : texts.offline;
  connection.className = `freshness ${isReachable ? "fresh" : "slow"}`;
  find("#trouble").textContent = isLoggedOut ? texts.loggedOut : "";
  const count = codes.size();
  find("#list").textContent = count === null ? texts.noList : filled(texts.list, { count, time: timeOf(codes.asOf()) });
  find("#waiting").textContent = queue.length ? `· ${filled(texts.waiting, { count: queue.length })}` : "";
  find("#conflicts").hidden = !conflicts.length;
  find("#conflicts ul").replaceChildren(...conflicts.map(item));
  if (find("#undo")) find("#undo").hidden = !last;
}

function item({ entry, problem }) {
  const refusal = admission.refusalOf(problem);
  const reason = `${texts[refusal.verdict]}. ${explain(refusal)}`;
  const code = codes.keyOf(admission.textOf(entry));
  const line = document.createElement("li");
  line.textContent = filled(texts.conflict, { code, time: timeOf(entry.at), reason });
  return line;
}

async function sync() {
  await inTurn(() => admission.refresh(filter()));
  showState();
}

async function keepInStep() {
  for (;;) {
    const seconds = admission.state.isReachable ? SYNC_SECONDS : OFFLINE_SYNC_SECONDS;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    await sync().catch(console.error);
  }
}

async function scan() {
  const video = find("#camera");
  try {
    stop = stop ? stop() : await start(video, (text) => inTurn(() => take(text)));
  } catch {
    show("unknown", texts.noCamera);
  }
  video.hidden = !stop;
  find("#scan").setAttribute("aria-pressed", String(Boolean(stop)));
  find("#scan").textContent = stop ? texts.stop : texts.scan;
}

async function undo() {
  const isUndone = await inTurn(() => admission.undo(last, filter()));
  last = isUndone ? null : last;
  show(isUndone ? "undone" : "notUndone");
}

async function restore() {
  const kept = await load("settings", {});
  where.device.value = kept.device ?? "";
  where.day.value = kept.day >= dayBefore(LONGEST_NIGHT_HOURS) ? kept.day : dayBefore(0);
  if (kept.venue && ![...where.venue.options].some((option) => option.value === kept.venue)) where.venue.add(new Option(kept.venue));
  where.venue.value = kept.venue ?? "";
  await admission.open();
  showState();
}

// The worker keeps the page and its files, so that it can be opened without a network.
async function keepPage() {
  await navigator.serviceWorker?.register("/gate/worker.js");
  const worker = (await navigator.serviceWorker?.ready)?.active;
  const loaded = performance.getEntriesByType("resource").filter(({ initiatorType }) => initiatorType !== "fetch");
  worker?.postMessage({ keep: [location.pathname, ...loaded.map(({ name }) => name).filter((name) => !name.includes("/api/"))] });
  find(".log-out")?.addEventListener("submit", () => worker?.postMessage({ forget: true }));
}

find("#code").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!find("#where").reportValidity()) return;
  const text = find("#typed").value;
  find("#typed").value = "";
  inTurn(() => take(text)).catch(console.error);
});
find("#where").addEventListener("submit", async (event) => {
  event.preventDefault();
  await save("settings", settings());
  await sync();
});
find("#scan").addEventListener("click", scan);
find("#undo")?.addEventListener("click", undo);
find("#seen").addEventListener("click", () => admission.forgetConflicts().then(showState));
addEventListener("online", () => sync());
addEventListener("offline", () => {
  admission.state.isReachable = false;
  showState();
});

await restore();
if (where.device.value) await sync();
keepPage().catch(console.error);
keepInStep();
