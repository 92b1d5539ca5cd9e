// Reads and writes style files, as impasto/models/style.py; they hold embeddings and a picture.

import { checkGraph } from "./graphs.js";
import { SHORT_SIDE } from "./predictor.js";
import { readSafetensors, toFloats, toHalfTensor, writeSafetensors } from "./safetensors.js";

const FORMAT = "impasto style 1";
const OWN = "own"; // name of the network that a style brings along
const MAX_LONG_SIDE = 8192; // pixels of a remembered picture
const PICTURE_QUALITY = 0.8;
const MAX_EMBEDDING_SIZE = 2 ** 20;
const MAX_NAME_BYTES = 255;
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/**
 * A style that was read or predicted.
 * @typedef {{name: string, title: string, embeddings: Record<string, Float32Array>,
 *   hashes: Record<string, string>, metadata: Record<string, string>,
 *   picture: Uint8Array | null, graph: Uint8Array | null}} StyleData
 */

/**
 * Reads a style file.
 * @param {Uint8Array} file
 * @returns {StyleData}
 */
export function readStyle(file) {
  let content;
  try {
    content = readSafetensors(file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`cannot read the style file: ${reason}; get or make it anew`);
  }
  const { tensors, metadata } = content;
  if (metadata.format !== FORMAT) {
    throw new Error("cannot read the style file: it is no style of impasto; give another file");
  }
  /** @type {Record<string, Float32Array>} */
  const embeddings = {};
  /** @type {Record<string, string>} */
  const hashes = {};
  for (const [name, tensor] of tensors) {
    const network = /^embedding\.([\w.-]{1,64})$/.exec(name)?.[1];
    const isBytes = (name === "graph" || name === "picture") && tensor.dtype === "U8";
    const isEmbedding = network && tensor.dtype !== "U8" && tensor.shape.length === 1;
    if (!isBytes && !(isEmbedding && tensor.shape[0] <= MAX_EMBEDDING_SIZE)) {
      throw new Error(`cannot read the style file: it holds ${name.slice(0, 100)}; get it anew`);
    }
    if (network) {
      embeddings[network] = toFloats(tensor);
      hashes[network] = metadata[`${network}.hash`];
      if (!hashes[network] || !embeddings[network].every(Number.isFinite)) {
        throw new Error("cannot read the style file: it is damaged; get or make it anew");
      }
    }
  }
  const name = checkName(metadata.name);
  const graph = OWN in hashes ? (tensors.get("graph")?.bytes.slice() ?? null) : null;
  if (graph) {
    try {
      checkGraph(graph);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`cannot use the style file: ${reason}; get it anew, from where you trust`);
    }
  }
  const clean = Object.entries(metadata)
    .filter(([key]) => !key.match(CONTROL))
    .map(([key, value]) => [key, value.replace(CONTROL, "\ufffd")]);
  const facts = Object.fromEntries(clean);
  const picture = tensors.get("picture")?.bytes.slice() ?? null;
  const title = facts.title || facts.source || name;
  return { name, title, embeddings, hashes, metadata: facts, picture, graph };
}

/** @param {string | undefined} name */
function checkName(name) {
  const isName = name && !/[/\\]/.test(name) && !name.match(CONTROL);
  if (!isName || new TextEncoder().encode(name).length > MAX_NAME_BYTES) {
    throw new Error("cannot read the style file: its style has no proper name; get it anew");
  }
  return name;
}

/**
 * Writes a style file, which Python loads.
 * @param {StyleData} style
 * @returns {Uint8Array}
 */
export function writeStyle({ name, embeddings, hashes, metadata, picture, graph }) {
  /** @type {Map<string, import("./safetensors.js").Tensor>} */
  const tensors = new Map();
  /** @type {Record<string, string>} */
  const facts = { ...metadata, format: FORMAT, name };
  for (const [network, embedding] of Object.entries(embeddings)) {
    const tensor = network === OWN ? toFloatTensor(embedding) : toHalfTensor(embedding);
    tensors.set(`embedding.${network}`, tensor);
    facts[`${network}.hash`] = hashes[network];
  }
  if (picture) tensors.set("picture", { dtype: "U8", shape: [picture.length], bytes: picture });
  if (graph) tensors.set("graph", { dtype: "U8", shape: [graph.length], bytes: graph });
  return writeSafetensors(tensors, facts);
}

/**
 * @param {Float32Array} values
 * @returns {import("./safetensors.js").Tensor}
 */
function toFloatTensor(values) {
  const bytes = new Uint8Array(values.slice().buffer);
  return { dtype: "F32", shape: [values.length], bytes };
}

/**
 * Derives the name of a style from a title: `My_Tulip.jpg` gives `my-tulip`.
 * @param {string} title
 */
export function nameOf(title) {
  const plain = title.replace(/\.\w{2,5}$/, "").replace(CONTROL, "").replace(/[/\\_]/g, "-");
  return [...plain.toLowerCase()].slice(0, 60).join("").trim() || "picture";
}

/**
 * Encodes a picture for a style to remember; null where this browser writes no WebP.
 * @param {ImageBitmap} bitmap
 * @returns {Promise<Uint8Array | null>}
 */
export async function encodePicture(bitmap) {
  const [short, long] = [bitmap.width, bitmap.height].sort((a, b) => a - b);
  const blob = await draw(bitmap, Math.min(1, SHORT_SIDE / short, MAX_LONG_SIDE / long), "image/webp", PICTURE_QUALITY);
  return blob.type === "image/webp" ? new Uint8Array(await blob.arrayBuffer()) : null;
}

/**
 * Draws a small picture of a style.
 * @param {ImageBitmap} bitmap
 * @returns {Promise<Blob>}
 */
export function drawPreview(bitmap) {
  const scale = Math.min(1, 256 / Math.min(bitmap.width, bitmap.height));
  return draw(bitmap, scale, "image/jpeg", 0.85);
}

/**
 * @param {ImageBitmap} bitmap
 * @param {number} scale
 * @param {string} type
 * @param {number} quality
 */
function draw(bitmap, scale, type, quality) {
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("cannot draw the picture: this browser has no canvas for it");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return canvas.convertToBlob({ type, quality });
}
