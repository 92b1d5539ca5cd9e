// The service worker: the page works without a network after its first visit, and with threads on
// hosts that send no headers for them. impasto/server/site.py fills in the lists.

const VERSION = "VERSION"; // changes with the files of the page
const PAGE = [/*PAGE*/]; // files of the page, which are kept at once
const LATER = [/*LATER*/]; // pictures, which are kept afterwards
const LASTING = [/*LASTING*/]; // files whose names change with their contents

const SCOPE = self.registration.scope;
const CACHE = `impasto-page ${SCOPE}`;
const LASTING_CACHE = "impasto-files"; // that js/engine/download.js fills
const SERVED = /^(v1\/|docs|redoc|openapi\.json|healthz|readyz|metrics)/; // by a server, never kept
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

const address = (path) => new URL(path, SCOPE).href;

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(`${CACHE} ${VERSION}`);
      await cache.addAll(PAGE.map((path) => new Request(address(path), { cache: "no-cache" })));
      await self.skipWaiting();
    })(),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      await self.clients.claim();
      for (const name of await caches.keys()) {
        if (name.startsWith(CACHE) && name !== `${CACHE} ${VERSION}`) await caches.delete(name);
      }
      await forgetOldFiles();
      const cache = await caches.open(`${CACHE} ${VERSION}`);
      for (const path of LATER) {
        // one missing picture does not matter
        await cache.add(address(path)).catch(() => {});
      }
    })(),
  );
});

async function forgetOldFiles() {
  const lasting = new Set(LASTING.map(address));
  const cache = await caches.open(LASTING_CACHE);
  for (const request of await cache.keys()) {
    if (request.url.startsWith(SCOPE) && !lasting.has(request.url)) await cache.delete(request);
  }
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const path = request.url.startsWith(SCOPE) ? request.url.slice(SCOPE.length) : null;
  if (request.method !== "GET" || path === null || SERVED.test(path)) return;
  event.respondWith(answer(request, path));
});

async function answer(request, path) {
  const isPage = request.mode === "navigate";
  const cache = await caches.open(`${CACHE} ${VERSION}`);
  const key = isPage ? address("./") : request.url;
  if (LASTING.includes(path)) {
    const kept = (await cache.match(key)) ?? (await lastingFile(key));
    if (kept) return isolated(kept);
  }
  try {
    const response = await fetch(request);
    if (response.ok && !isPage && response.type === "basic" && !LASTING.includes(path)) {
      await cache.put(key, response.clone());
    }
    return isolated(response);
  } catch (error) {
    const kept = await cache.match(key, { ignoreSearch: true });
    if (kept) return isolated(kept);
    throw error;
  }
}

async function lastingFile(url) {
  return (await caches.open(LASTING_CACHE)).match(url);
}

/** Adds the headers that allow threads, where the host sends none. */
function isolated(response) {
  if (!response.status || response.type === "opaqueredirect") return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATION)) {
    if (!headers.has(name)) headers.set(name, value);
  }
  const { status, statusText } = response;
  const body = [101, 204, 205, 304].includes(status) ? null : response.body;
  return new Response(body, { status, statusText, headers });
}
