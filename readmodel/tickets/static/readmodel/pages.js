// The pages' script beside htmx: it shows times in the viewer's zone, handles keys, and reports missing answers.
"use strict";

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const format = new Intl.DateTimeFormat("en-GB", {
  weekday: "short", day: "numeric", month: "short", year: "numeric",
  hour: "2-digit", minute: "2-digit", timeZoneName: "short",
});

function localize(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.title = time.title || time.textContent;
    time.textContent = format.format(new Date(time.dateTime));
  }
}

function say(text) {
  document.getElementById("trouble").textContent = text;
}

// The server counts the tickets of a month in the viewer's zone.
if (zone) document.cookie = `time_zone=${zone}; path=/; max-age=31536000; samesite=lax`;
localize(document);

const filters = document.getElementById("filters");
if (filters && matchMedia("(max-width: 48rem)").matches) filters.open = false;

const on = (event, handle) => document.body.addEventListener(event, handle);

// The target itself may be gone after a swap that changed only elements beside it.
on("htmx:afterSettle", (event) => localize(document.body.contains(event.target) ? event.target : document.body));

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
on("htmx:sendError", () => say("The server can’t be reached. This page may be out of date."));
on("htmx:responseError", () => say("The server failed to answer; its log says why."));

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
