// Downloads files, and decompresses those that hosts serve compressed as they are.

/**
 * @typedef {(received: number) => void} OnBytes called with the bytes received since the last call
 */

const CACHE = "impasto-files"; // that sw.js tidies up

/**
 * Downloads a file; gzipped ones are decompressed.
 * @param {string | URL} url
 * @param {OnBytes} [onBytes]
 * @returns {Promise<Uint8Array>}
 */
export async function download(url, onBytes = () => {}) {
  return unpack(await read(await request(url), onBytes));
}

/**
 * Downloads a file whose name changes with its content, and keeps it for later visits.
 * @param {string | URL} url
 * @param {OnBytes} [onBytes]
 * @returns {Promise<Uint8Array>}
 */
export async function downloadLasting(url, onBytes = () => {}) {
  const cache = await openCache();
  const kept = await cache?.match(url);
  if (kept) return unpack(await read(kept, onBytes));
  const bytes = await read(await request(url), onBytes);
  const headers = { "Content-Type": "application/octet-stream" };
  // a full disk does not matter
  cache?.put(url, new Response(/** @type {BodyInit} */ (bytes), { headers })).catch(() => {});
  return unpack(bytes);
}

async function openCache() {
  try {
    return await globalThis.caches?.open(CACHE);
  } catch {
    return undefined; // browsers may forbid it
  }
}

/** @param {string | URL} url */
async function request(url) {
  const name = new URL(url).pathname.split("/").pop();
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin" });
  } catch {
    throw new Error(`cannot load ${name}: there is no connection; connect and try again`);
  }
  if (!response.ok) {
    throw new Error(`cannot load ${name}: the host answers ${response.status}; reload the page`);
  }
  return response;
}

/**
 * @param {Response} response
 * @param {OnBytes} onBytes
 */
async function read(response, onBytes) {
  if (!response.body) return new Uint8Array(await response.arrayBuffer());
  const parts = [];
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    onBytes(value.length);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/**
 * Decompresses bytes that are gzipped: some hosts say that a file is, and the browser has done it.
 * @param {Uint8Array} bytes
 */
function unpack(bytes) {
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? decompress(bytes) : bytes;
}

/**
 * @param {Uint8Array} bytes
 * @returns {Promise<Uint8Array>}
 */
async function decompress(bytes) {
  const stream = new Blob([/** @type {BlobPart} */ (bytes)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
