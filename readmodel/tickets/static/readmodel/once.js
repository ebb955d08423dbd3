// A form that was just sent is not sent again: after a double click, the browser would show the answer to the second
// one, which says that somebody else was faster.
"use strict";

const AGAIN_AFTER_MILLISECONDS = 2000;
const sentAt = new WeakMap();

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.getAttribute("method")?.toLowerCase() !== "post") return;
  if (event.timeStamp - (sentAt.get(form) ?? -Infinity) < AGAIN_AFTER_MILLISECONDS) event.preventDefault();
  else sentAt.set(form, event.timeStamp);
});
