// The pages' script beside htmx: it handles keys, and reports missing answers.
"use strict";

const trouble = document.getElementById("trouble");

function say(text) {
  trouble.textContent = text;
}

const filters = document.getElementById("filters");
if (filters && matchMedia("(max-width: 48rem)").matches) filters.open = false;

const on = (event, handle) => document.body.addEventListener(event, handle);

// Keep empty parameters out of the URL.
on("htmx:configRequest", (event) => {
  for (const [name, value] of Object.entries(event.detail.parameters)) {
    if (value === "") delete event.detail.parameters[name];
  }
});

// A hidden page does not refresh itself.
on("htmx:beforeRequest", (event) => {
  if (document.hidden && !event.detail.requestConfig.triggeringEvent) event.preventDefault();
});

on("htmx:afterRequest", (event) => {
  if (event.detail.xhr && event.detail.xhr.status < 500) say("");
});
on("htmx:sendError", () => say(trouble.dataset.unreachable));
on("htmx:responseError", () => say(trouble.dataset.failed));

// Move the keyboard focus to the results if a swap removed the focused link.
on("htmx:afterSwap", (event) => {
  if (document.activeElement === document.body && event.target.id === "found") event.target.focus({ preventScroll: true });
});

const titles = () => [...document.querySelectorAll(".results a.title")];

function walk(step) {
  const links = titles();
  const next = links.indexOf(document.activeElement) + step;
  if (next < 0) document.getElementById("q").focus();
  else if (links[next]) links[next].focus();
}

function isTyping(element) {
  return element.matches("input:not([type=radio], [type=checkbox]), select, textarea");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const box = document.querySelector("input[type=search]");
  const active = document.activeElement;
  if (event.key === "/" && box && !isTyping(active)) {
    event.preventDefault();
    box.focus();
    box.select();
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && (active === box || active.matches(".results a.title, #found, body"))) {
    if (active === box && event.key === "ArrowUp") return;
    if (titles().length === 0) return;
    event.preventDefault();
    walk(event.key === "ArrowDown" ? 1 : -1);
  }
});

// The page of a ticket follows the ticket's events. Each brings a token, with which the page asks for itself again.
const live = document.getElementById("live");
const ASK_AGAIN_MILLISECONDS = 5000;

function refresh(token) {
  const history = document.getElementById("history");
  const values = token ? { written: token } : {};
  htmx.ajax("GET", history.getAttribute("hx-get"), { source: history, target: "#history", swap: "outerHTML", values });
}

function follow() {
  const source = new EventSource(live.dataset.source);
  const show = (isLive) => {
    const text = isLive ? live.dataset.on : live.dataset.off;
    if (live.textContent !== text) live.textContent = text;
    live.classList.toggle("off", !isLive);
  };
  source.onopen = () => { show(true); refresh(); };
  source.onmessage = (event) => refresh(event.data);
  source.onerror = () => {
    show(false);
    if (source.readyState === EventSource.CLOSED) setTimeout(() => { refresh(); follow(); }, ASK_AGAIN_MILLISECONDS);
  };
  addEventListener("pagehide", () => source.close(), { once: true });
}

if (live && live.dataset.source) {
  follow();
  addEventListener("pageshow", (event) => { if (event.persisted) follow(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
}
