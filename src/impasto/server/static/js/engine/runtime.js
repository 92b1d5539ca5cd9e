// Loads ONNX Runtime Web, and makes sessions of graphs.

import { downloadLasting } from "./download.js";

const VENDOR = new URL("../../vendor/onnxruntime-web-1.30.0/", import.meta.url);
const MAX_THREADS = 4;
const BACKENDS = {
  wasm: { glue: "ort.wasm.bundle.min.mjs", engine: "ort-wasm-simd-threaded.wasm.gz" },
  // needs JavaScript Promise Integration in the browser
  webgpu: { glue: "ort.jspi.bundle.min.mjs", engine: "ort-wasm-simd-threaded.jspi.wasm.gz" },
};

/**
 * @typedef {"wasm" | "webgpu"} Backend
 * @typedef {{type: string, dims: readonly number[], data: any}} Array4 a tensor of ONNX Runtime
 * @typedef {{run: (inputs: Record<string, Array4>) => Promise<Record<string, Array4>>,
 *   inputNames: readonly string[], outputNames: readonly string[], release: () => Promise<void>,
 * }} Session
 */

export class Runtime {
  /**
   * @param {any} ort the module of ONNX Runtime
   * @param {Backend} backend
   * @param {number} threads
   */
  constructor(ort, backend, threads) {
    this.ort = ort;
    this.backend = backend;
    this.threads = threads;
  }

  /**
   * Loads an engine.
   * @param {Backend} backend
   * @param {number} threads
   * @param {import("./download.js").OnBytes} onBytes
   * @returns {Promise<Runtime>}
   */
  static async load(backend, threads, onBytes) {
    const { glue, engine } = BACKENDS[backend];
    const [ort, binary] = await Promise.all([
      import(new URL(glue, VENDOR).href),
      downloadLasting(new URL(engine, VENDOR), onBytes),
    ]);
    ort.env.logLevel = "error"; // warnings would be errors in the console
    ort.env.wasm.wasmBinary = binary.buffer;
    ort.env.wasm.numThreads = threads;
    return new Runtime(ort, backend, threads);
  }

  /**
   * Makes a session of a graph.
   * @param {Uint8Array} graph
   * @param {Uint8Array | null} weights the file that the graph finds its weights in
   * @returns {Promise<Session>}
   */
  async session(graph, weights) {
    const shared = weights ? { externalData: [{ path: "weights", data: weights }] } : {};
    return this.ort.InferenceSession.create(graph, {
      executionProviders: [this.backend],
      logSeverityLevel: 3, // warnings would be errors in the console
      ...shared,
    });
  }

  /**
   * Makes a float32 tensor.
   * @param {Float32Array} data
   * @param {number[]} dims
   * @returns {Array4}
   */
  tensor(data, dims) {
    return new this.ort.Tensor("float32", data, dims);
  }
}

/** Returns how many threads this browser should compute with. */
export function usableThreads() {
  if (!globalThis.crossOriginIsolated || isIOS()) return 1;
  return Math.max(1, Math.min(MAX_THREADS, navigator.hardwareConcurrency - 1));
}

/** Tells whether this is an iPhone or iPad, where threads and WebGPU hang or crash. */
export function isIOS() {
  const { userAgent, maxTouchPoints } = navigator;
  return /iPhone|iPad|iPod/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1);
}
