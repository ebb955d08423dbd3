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
  if (event.defaultPrevented) return;
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

// Beside the time at a venue stands the viewer's own, where that differs.
function addYourTime(root) {
  const formats = { dateStyle: "short", timeStyle: "short" };
  for (const time of root.querySelectorAll("time[data-zone]:not(.with-yours)")) {
    time.classList.add("with-yours");
    const instant = new Date(time.dateTime);
    try {
      const language = document.documentElement.lang;
      const [there, yours] = [time.dataset.zone, undefined].map(
        (timeZone) => new Intl.DateTimeFormat(language, { ...formats, timeZone }).format(instant));
      if (there === yours) continue;
      const own = document.createElement("span");
      own.className = "yours";
      own.textContent = document.body.dataset.yourTime.replace("{time}", yours);
      time.after(" ", own);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;  // The browser does not know the zone, or the year.
    }
  }
}

addYourTime(document.body);
on("htmx:load", (event) => addYourTime(event.detail.elt));

// Suggestions: a combobox with a list, as the ARIA Authoring Practices have it. The focus stays in the box.
const combobox = document.querySelector("[role=combobox]");
const SUGGEST_AFTER_MILLISECONDS = 150;

function suggest(box) {
  const list = document.getElementById(box.getAttribute("aria-controls"));
  let asking = new AbortController();
  let timer;
  const options = () => [...list.children];
  const chosen = () => list.querySelector("[aria-selected=true]");

  function open(isOpen) {
    list.hidden = !isOpen;
    box.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) mark(null);
  }
  function mark(option) {
    for (const each of options()) each.setAttribute("aria-selected", String(each === option));
    if (option) {
      box.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else box.removeAttribute("aria-activedescendant");
  }
  function stop() {
    clearTimeout(timer);
    asking.abort();
    open(false);
  }
  async function ask() {
    asking = new AbortController();
    try {
      const answer = await fetch(`${box.dataset.suggestions}?q=${encodeURIComponent(box.value)}`, { signal: asking.signal });
      if (!answer.ok || document.activeElement !== box) return;
      list.innerHTML = await answer.text();
      open(list.children.length > 0);
    } catch (error) {
      if (error.name !== "AbortError") open(false);
    }
  }
  function take(option) {
    stop();
    box.value = option.dataset.text;
    box.form.requestSubmit();
  }
  function move(step) {
    const all = options();
    const next = all.indexOf(chosen()) + step;
    mark(next < -1 ? all[all.length - 1] : all[next] || null);
  }

  box.addEventListener("input", () => {
    clearTimeout(timer);
    asking.abort();
    if (box.value.trim()) timer = setTimeout(ask, SUGGEST_AFTER_MILLISECONDS);
    else open(false);
  });
  box.addEventListener("blur", stop);
  box.form.addEventListener("submit", stop);
  list.addEventListener("mousedown", (event) => {
    event.preventDefault();
    const option = event.target.closest("[role=option]");
    if (option) take(option);
  });
  box.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") stop();
    else if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp") move(chosen() ? -1 : -2);
    else if (event.key === "Enter" && chosen()) take(chosen());
    else return;
    event.preventDefault();
  });
}

if (combobox) suggest(combobox);

// The page of a ticket follows the ticket's events. Each brings a token, with which the page asks for itself again.
const live = document.getElementById("live");
const ASK_AGAIN_MILLISECONDS = 5000;
let newest = "";

function refresh() {
  const history = document.getElementById("history");
  const values = newest ? { written: newest } : {};
  htmx.ajax("GET", history.getAttribute("hx-get"), { source: history, target: "#history", swap: "outerHTML", values });
}

function follow() {
  const source = new EventSource(live.dataset.source);
  const show = (isLive) => {
    const text = isLive ? live.dataset.on : live.dataset.off;
    if (live.textContent !== text) live.textContent = text;
    live.classList.toggle("off", !isLive);
  };
  source.onopen = () => show(true);
  source.onmessage = (event) => { newest = event.data; refresh(); };
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
  // The read model has not come as far as the event yet.
  on("htmx:afterRequest", (event) => {
    if (event.detail.xhr && event.detail.xhr.getResponseHeader("Consistency") === "stale") setTimeout(refresh, 500);
  });
}
