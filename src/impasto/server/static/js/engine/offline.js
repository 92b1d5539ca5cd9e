// Keeps the page for use without a network, by the service worker of the site.

/**
 * Registers the service worker, where the browser has such and the page is secure.
 * @param {string} base the folder of the site
 */
export async function keepOffline(base) {
  if (!navigator.serviceWorker || !globalThis.isSecureContext) return;
  if (new URL(base).origin !== location.origin) return;
  try {
    await navigator.serviceWorker.register(new URL("sw.js", base));
  } catch {
    // the page works without it
  }
}
