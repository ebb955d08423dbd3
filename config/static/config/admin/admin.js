// What the theme of the admin needs to run under the strict Content-Security-Policy.
//
// Alpine's build for such policies evaluates expressions without eval: they see only data, and no globals. The theme's
// expressions read and set `window.location`.

const address = {
  get pathname() { return window.location.pathname; },
  get search() { return window.location.search; },
  get hash() { return window.location.hash; },
  set href(url) { window.location.assign(url); },
};

document.addEventListener("alpine:init", () => {
  Alpine.data("theme", (chosen) => ({ ...theme(chosen), getCurrentTab, window: { location: address } }));
});
