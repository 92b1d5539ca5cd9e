// Reads and writes safetensors files, with the limits of impasto/tensor_files.py.

const MAX_FILE_BYTES = 2 ** 28;
const MAX_HEADER_BYTES = 2 ** 20;
const MAX_TENSORS = 100;
/** @type {Record<string, number>} */
const ITEM_BYTES = { U8: 1, F16: 2, F32: 4 };

/**
 * @typedef {{dtype: string, shape: number[], bytes: Uint8Array}} Tensor
 * @typedef {{tensors: Map<string, Tensor>, metadata: Record<string, string>}} TensorFile
 */

/**
 * Reads a file; throws an Error with the reason where it is broken.
 * @param {Uint8Array} file
 * @returns {TensorFile}
 */
export function readSafetensors(file) {
  if (file.length > MAX_FILE_BYTES) throw new Error("it is too large");
  if (file.length < 10) throw new Error("it is no safetensors file");
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const size = view.getUint32(0, true);
  if (view.getUint32(4, true) || size > MAX_HEADER_BYTES || 8 + size > file.length) {
    throw new Error("it is no safetensors file");
  }
  /** @type {unknown} */
  let header;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(file.subarray(8, 8 + size));
    header = JSON.parse(text);
  } catch {
    throw new Error("it is no safetensors file");
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    throw new Error("it is no safetensors file");
  }
  const data = file.subarray(8 + size);
  /** @type {Record<string, string>} */
  const metadata = {};
  /** @type {Map<string, Tensor>} */
  const tensors = new Map();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") {
      for (const [key, value] of Object.entries(entry ?? {})) {
        if (typeof value !== "string") throw new Error("its metadata are not text");
        metadata[key] = value;
      }
    } else {
      tensors.set(name, readTensor(name, entry, data));
    }
  }
  if (tensors.size > MAX_TENSORS) throw new Error(`it has more than ${MAX_TENSORS} tensors`);
  checkPlaces(header, data.length);
  return { tensors, metadata };
}

/**
 * @param {string} name
 * @param {any} entry
 * @param {Uint8Array} data
 * @returns {Tensor}
 */
function readTensor(name, entry, data) {
  const { dtype, shape, data_offsets: offsets } = entry ?? {};
  const isWhole = (/** @type {unknown} */ number) =>
    Number.isSafeInteger(number) && /** @type {number} */ (number) >= 0;
  if (!Array.isArray(shape) || !Array.isArray(offsets) || offsets.length !== 2) {
    throw new Error(`its tensor ${name.slice(0, 100)} is broken`);
  }
  if (![...shape, ...offsets].every(isWhole)) {
    throw new Error(`its tensor ${name.slice(0, 100)} is broken`);
  }
  const [start, stop] = offsets;
  const count = shape.reduce((product, side) => product * side, 1);
  const known = Object.hasOwn(ITEM_BYTES, dtype);
  if (!known) throw new Error(`its tensor ${name.slice(0, 100)} has an unknown type`);
  if (stop > data.length || stop - start !== count * ITEM_BYTES[dtype]) {
    throw new Error(`its tensor ${name.slice(0, 100)} is broken`);
  }
  return { dtype, shape, bytes: data.subarray(start, stop) };
}

/**
 * Tensors lie one after the other and fill the file, as the format demands.
 * @param {Record<string, any>} header
 * @param {number} size
 */
function checkPlaces(header, size) {
  const places = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([, entry]) => entry.data_offsets)
    .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let end = 0;
  for (const [start, stop] of places) {
    if (start !== end) throw new Error("its tensors overlap or leave gaps");
    end = stop;
  }
  if (end !== size) throw new Error("it is cut off, or has more than its tensors");
}

/**
 * Writes a file, tensors and metadata in the order of their names.
 * @param {Map<string, Tensor>} tensors
 * @param {Record<string, string>} metadata
 * @returns {Uint8Array}
 */
export function writeSafetensors(tensors, metadata) {
  /** @type {Record<string, unknown>} */
  const header = { __metadata__: Object.fromEntries(Object.entries(metadata).sort(byName)) };
  // tensors of larger items first, so that all are aligned
  const entries = [...tensors].sort(
    (a, b) => ITEM_BYTES[b[1].dtype] - ITEM_BYTES[a[1].dtype] || byName(a, b),
  );
  let size = 0;
  for (const [name, { dtype, shape, bytes }] of entries) {
    header[name] = { dtype, shape, data_offsets: [size, size + bytes.length] };
    size += bytes.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(8 + length + size).fill(32, 8, 8 + length);
  new DataView(file.buffer).setUint32(0, length, true);
  file.set(text, 8);
  let place = 8 + length;
  for (const [, { bytes }] of entries) {
    file.set(bytes, place);
    place += bytes.length;
  }
  return file;
}

/**
 * @param {[string, unknown]} first
 * @param {[string, unknown]} second
 */
function byName([first], [second]) {
  return first < second ? -1 : Number(first > second);
}

/**
 * Returns the numbers of a float tensor.
 * @param {Tensor} tensor
 * @returns {Float32Array}
 */
export function toFloats({ dtype, bytes }) {
  const copy = bytes.slice().buffer; // aligned
  if (dtype === "F32") return new Float32Array(copy);
  if (dtype !== "F16") throw new Error("it has integers where floats should be");
  return Float32Array.from(new Uint16Array(copy), fromHalf);
}

/**
 * Returns a float16 tensor of numbers, rounded to the nearest, to even where two are as near.
 * @param {Float32Array} values
 * @returns {Tensor}
 */
export function toHalfTensor(values) {
  const halves = Uint16Array.from(values, toHalf);
  return { dtype: "F16", shape: [values.length], bytes: new Uint8Array(halves.buffer) };
}

/** @param {number} bits */
export function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent
    ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024)
    : sign * 2 ** -14 * (fraction / 1024);
}

/** @param {number} value */
export function toHalf(value) {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(size || 1e-9)));
  const scaled = (size / 2 ** exponent) * 1024; // 1024 to 2048, or less where subnormal
  const whole = Math.floor(scaled);
  const rest = scaled - whole;
  const rounded = rest > 0.5 || (rest === 0.5 && whole % 2) ? whole + 1 : whole;
  // a carry into the exponent gives the next power of two, as it should
  return sign | ((exponent + 14) * 1024 + rounded);
}
