/**
 * Settings inside picture files: an XMP packet in PNG, JPEG and WebP, and a text chunk in PNG.
 *
 * A painting that is dropped on the page gives its settings back.
 */

const NAMESPACE = "urn:impasto:settings:1";
const PNG_KEYWORD = "impasto";
const XMP_KEYWORD = "XML:com.adobe.xmp";
const XMP_HEADER = "http://ns.adobe.com/xap/1.0/\0";
const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** @param {string} value */
const escapeXml = (value) =>
  value.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** @param {string} value */
const unescapeXml = (value) =>
  value
    .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
    .replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&quot;/g, '"').replace(/&amp;/g, "&");

/** @param {string} json */
function xmpPacket(json) {
  return (
    '<?xpacket begin="\uFEFF" id="W5M0MpCehiHzreSzNTczkc9d"?>' +
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' +
    `<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:impasto="${NAMESPACE}" ` +
    `xmp:CreatorTool="impasto" impasto:settings="${escapeXml(json)}"/>` +
    '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
  );
}

/** @param {Uint8Array[]} parts */
function join(parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** @type {Uint32Array|null} */
let table = null;

/** CRC-32 of bytes, as PNG and ZIP have it. @param {Uint8Array} bytes */
export function crc32(bytes) {
  if (!table) {
    table = new Uint32Array(256);
    for (let n = 0; n < 256; n++) {
      let c = n;
      for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
      table[n] = c >>> 0;
    }
  }
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** @param {string} kind @param {Uint8Array} data */
function pngChunk(kind, data) {
  const body = join([utf8.encode(kind), data]);
  const out = new Uint8Array(body.length + 8);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  out.set(body, 4);
  view.setUint32(body.length + 4, crc32(body));
  return out;
}

/** @param {string} keyword @param {string} value */
const pngText = (keyword, value) =>
  pngChunk("iTXt", join([utf8.encode(keyword), new Uint8Array(5), utf8.encode(value)]));

/** @param {string} kind @param {Uint8Array} data */
function riffChunk(kind, data) {
  const out = new Uint8Array(8 + data.length + (data.length & 1));
  out.set(utf8.encode(kind), 0);
  new DataView(out.buffer).setUint32(4, data.length, true);
  out.set(data, 8);
  return out;
}

/** @param {Uint8Array} bytes @param {number} at @param {number} length */
const ascii = (bytes, at, length) => String.fromCharCode(...bytes.subarray(at, at + length));

/** @param {Uint8Array} bytes */
const isPng = (bytes) => PNG_SIGNATURE.every((value, i) => bytes[i] === value);
/** @param {Uint8Array} bytes */
const isJpeg = (bytes) => bytes[0] === 0xff && bytes[1] === 0xd8;
/** @param {Uint8Array} bytes */
const isWebp = (bytes) => ascii(bytes, 0, 4) === "RIFF" && ascii(bytes, 8, 4) === "WEBP";

/**
 * Walk through the chunks of a PNG or WebP file.
 * @param {Uint8Array} bytes
 * @param {number} start
 * @param {boolean} png
 * @returns {Generator<{kind: string, data: Uint8Array, at: number, end: number}>}
 */
function* chunks(bytes, start, png) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = start;
  while (at + 8 <= bytes.length) {
    const length = png ? view.getUint32(at) : view.getUint32(at + 4, true);
    const kind = ascii(bytes, png ? at + 4 : at, 4);
    const end = at + 8 + length + (png ? 4 : length & 1);
    if (end > bytes.length + 1) return;
    yield { kind, data: bytes.subarray(at + 8, at + 8 + length), at, end };
    at = end;
  }
}

/** @param {Uint8Array} bytes @param {string} json */
function intoWebp(bytes, json) {
  const found = [...chunks(bytes, 12, false)].filter(({ kind }) => kind !== "XMP ");
  const header = found.find(({ kind }) => kind === "VP8X");
  const features = new Uint8Array(10);
  if (header) {
    features.set(header.data);
  } else {
    const { width, height, alpha } = webpSize(found[0]);
    features[0] = alpha ? 0x10 : 0;
    for (let i = 0; i < 3; i++) {
      features[4 + i] = ((width - 1) >> (8 * i)) & 255;
      features[7 + i] = ((height - 1) >> (8 * i)) & 255;
    }
  }
  features[0] |= 0x04; // XMP
  const rest = found.filter(({ kind }) => kind !== "VP8X").map(({ kind, data }) => riffChunk(kind, data));
  const body = join([utf8.encode("WEBP"), riffChunk("VP8X", features), ...rest, riffChunk("XMP ", utf8.encode(xmpPacket(json)))]);
  const head = new Uint8Array(8);
  head.set(utf8.encode("RIFF"));
  new DataView(head.buffer).setUint32(4, body.length, true);
  return join([head, body]);
}

/** @param {{kind: string, data: Uint8Array}} chunk */
function webpSize({ kind, data }) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (kind === "VP8L") {
    const bits = view.getUint32(1, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1, alpha: Boolean((bits >> 28) & 1) };
  }
  return { width: view.getUint16(6, true) & 0x3fff, height: view.getUint16(8, true) & 0x3fff, alpha: false };
}

/**
 * Write settings into a PNG, JPEG or WebP file.
 * @param {Blob} blob
 * @param {Record<string, any>} settings
 * @returns {Promise<Blob>}
 */
export async function writeSettings(blob, settings) {
  const json = JSON.stringify(settings);
  const bytes = new Uint8Array(await blob.arrayBuffer());
  if (isPng(bytes)) {
    const head = 8 + 25; // signature, IHDR
    const parts = [bytes.subarray(0, head), pngText(PNG_KEYWORD, json), pngText(XMP_KEYWORD, xmpPacket(json)), bytes.subarray(head)];
    return new Blob(/** @type {BlobPart[]} */ (parts), { type: blob.type });
  }
  if (isJpeg(bytes)) {
    const data = utf8.encode(XMP_HEADER + xmpPacket(json));
    const head = new Uint8Array([0xff, 0xe1, (data.length + 2) >> 8, (data.length + 2) & 255]);
    // after JFIF's segment, which must come first
    const jfif = bytes[2] === 0xff && bytes[3] === 0xe0 ? 4 + (bytes[4] << 8) + bytes[5] : 2;
    const parts = [bytes.subarray(0, jfif), head, data, bytes.subarray(jfif)];
    return new Blob(/** @type {BlobPart[]} */ (parts), { type: blob.type });
  }
  if (isWebp(bytes)) return new Blob([intoWebp(bytes, json)], { type: blob.type });
  return blob;
}

/** @param {string} packet @returns {string|null} */
function settingsOf(packet) {
  const match = packet.match(/impasto:settings="([^"]*)"/) ?? packet.match(/impasto:settings='([^']*)'/);
  return match ? unescapeXml(match[1]) : null;
}

/** Unpack text, as large PNG files of the command line have it. @param {Uint8Array} packed */
function inflate(packed) {
  const stream = new Blob([/** @type {BlobPart} */ (packed)]).stream();
  return new Response(stream.pipeThrough(new DecompressionStream("deflate"))).text();
}

/** @param {Uint8Array} bytes @returns {string|Promise<string>|null} */
function findJson(bytes) {
  if (isPng(bytes)) {
    for (const { kind, data } of chunks(bytes, 8, true)) {
      if (kind !== "iTXt" && kind !== "zTXt") continue;
      const end = data.indexOf(0);
      if (text.decode(data.subarray(0, end)) !== PNG_KEYWORD) continue;
      return kind === "iTXt" ? text.decode(data.subarray(end + 5)) : inflate(data.subarray(end + 2));
    }
  } else if (isWebp(bytes)) {
    for (const { kind, data } of chunks(bytes, 12, false)) if (kind === "XMP ") return settingsOf(text.decode(data));
  } else if (isJpeg(bytes)) {
    let at = 2;
    while (at + 4 < bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda) {
      const length = (bytes[at + 2] << 8) + bytes[at + 3];
      if (bytes[at + 1] === 0xe1) {
        const body = text.decode(bytes.subarray(at + 4, at + 2 + length));
        if (body.startsWith(XMP_HEADER)) return settingsOf(body);
      }
      at += 2 + length;
    }
  }
  return null;
}

/**
 * Read the settings that a painting was made with, or null.
 * @param {Blob} blob
 * @returns {Promise<Record<string, any>|null>}
 */
export async function readSettings(blob) {
  try {
    const json = await findJson(new Uint8Array(await blob.arrayBuffer()));
    const settings = json ? JSON.parse(json) : null;
    return settings && Array.isArray(settings.styles) ? settings : null;
  } catch {
    return null; // a file that is broken here has no settings; decoding says what is wrong
  }
}

/**
 * One ZIP file of files, stored as they are.
 * @param {{name: string, blob: Blob}[]} files
 * @returns {Promise<Blob>}
 */
export async function zip(files) {
  /** @type {Uint8Array[]} */
  const parts = [];
  /** @type {Uint8Array[]} */
  const directory = [];
  let offset = 0;
  for (const { name, blob } of files) {
    const data = new Uint8Array(await blob.arrayBuffer());
    const label = utf8.encode(name);
    const fields = new Uint8Array(26);
    const view = new DataView(fields.buffer);
    view.setUint16(0, 20, true); // version needed
    view.setUint16(2, 0x0800, true); // names are UTF-8
    view.setUint16(8, 0x21, true); // 1980-01-01
    view.setUint32(10, crc32(data), true);
    view.setUint32(14, data.length, true);
    view.setUint32(18, data.length, true);
    view.setUint16(22, label.length, true);
    const local = join([new Uint8Array([0x50, 0x4b, 3, 4]), fields, label]);
    const tail = new Uint8Array(14);
    new DataView(tail.buffer).setUint32(10, offset, true);
    directory.push(join([new Uint8Array([0x50, 0x4b, 1, 2, 20, 0]), fields, tail, label]));
    parts.push(local, data);
    offset += local.length + data.length;
  }
  const size = directory.reduce((sum, entry) => sum + entry.length, 0);
  const end = new Uint8Array(22);
  const view = new DataView(end.buffer);
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(8, files.length, true);
  view.setUint16(10, files.length, true);
  view.setUint32(12, size, true);
  view.setUint32(16, offset, true);
  return new Blob(/** @type {BlobPart[]} */ ([...parts, ...directory, end]), { type: "application/zip" });
}
