// Keeps the gate's page and its files, so that the page can be opened without a network.
// The network comes first: what is kept is shown only if it does not answer in time.

const KEPT = "gate";
const PATIENCE_SECONDS = 4;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

// The page tells which files it has loaded before this worker was there, or to forget all.
self.addEventListener("message", (event) => event.waitUntil(event.data.forget ? caches.delete(KEPT) : keep(event.data.keep)));

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const isOurs = event.request.method === "GET" && url.origin === location.origin && !url.pathname.startsWith("/api/");
  if (isOurs) event.respondWith(answer(event));
});

async function keep(addresses) {
  const cache = await caches.open(KEPT);
  await Promise.allSettled(addresses.map((address) => cache.add(new Request(address, { cache: "reload" }))));
}

async function answer(event) {
  const kept = await caches.match(event.request, { cacheName: KEPT });
  const fresh = fromNetwork(event);
  if (!kept) return fresh;
  fresh.catch(() => {});
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_SECONDS * 1000, kept));
  return Promise.race([fresh.catch(() => kept), late]);
}

async function fromNetwork(event) {
  const response = await fetch(event.request);
  if (response.ok && !response.redirected) {
    const copy = response.clone();
    event.waitUntil(caches.open(KEPT).then((cache) => cache.put(event.request, copy)));
  }
  return response;
}
