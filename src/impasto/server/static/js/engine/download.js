// Downloads files, and decompresses those that hosts serve compressed as they are.

/**
 * @typedef {(received: number) => void} OnBytes called with the bytes received since the last call
 */

/**
 * Downloads a file; gzipped ones are decompressed.
 * @param {string | URL} url
 * @param {OnBytes} [onBytes]
 * @returns {Promise<Uint8Array>}
 */
export async function download(url, onBytes = () => {}) {
  const name = new URL(url).pathname.split("/").pop();
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin" });
  } catch {
    throw new Error(`cannot load ${name}: there is no connection; connect and try again`);
  }
  if (!response.ok || !response.body) {
    throw new Error(`cannot load ${name}: the host answers ${response.status}; reload the page`);
  }
  const parts = [];
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    onBytes(value.length);
  }
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  // some hosts say that a file is gzipped, and the browser has decompressed it
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? decompress(bytes) : bytes;
}

/**
 * @param {Uint8Array} bytes
 * @returns {Promise<Uint8Array>}
 */
async function decompress(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
