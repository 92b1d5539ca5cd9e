/** Paints on a server, over HTTP: `impasto serve`. */

import { decode, drawn, encode, fit } from "../studio/canvas.js";

/** @typedef {import("./painter.js").Painter} Painter */
/** @typedef {import("./painter.js").PaintOptions} PaintOptions */
/** @typedef {import("./painter.js").Control} Control */
/** @typedef {import("./painter.js").Style} Style */

/**
 * A job of the server, as `GET v1/jobs/ID` answers.
 * @typedef {Object} Job
 * @property {string} id
 * @property {string} state
 * @property {number} place
 * @property {{done: number, total: number, seconds_left?: number|null}} progress
 * @property {{detail?: string, title?: string}|string|null} [error]
 * @property {string|null} [result]
 *
 * @typedef {Control & {onPreview?: (image: string) => void, onPlace?: (place: number) => void}} JobControl
 */

const RETRIES = 5; // of a request that a full queue refused

/**
 * Make the painter of a server, or return null where there is none.
 * @param {string|URL} baseUrl
 * @param {string} [token]
 * @returns {Promise<ServerPainter|null>}
 */
export async function findServerPainter(baseUrl, token) {
  const painter = createServerPainter(baseUrl, token);
  try {
    await painter.info();
    return painter;
  } catch {
    return null;
  }
}

/**
 * @param {string|URL} baseUrl
 * @param {string} [token]
 */
export const createServerPainter = (baseUrl, token) => new ServerPainter(baseUrl, token);

/** @implements {Painter} */
export class ServerPainter {
  /** @param {string|URL} baseUrl @param {string} [token] */
  constructor(baseUrl, token) {
    /** @type {"server"} */
    this.where = "server";
    this.base = new URL(baseUrl, globalThis.location?.href);
    this.token = token;
    /** Whether the server paints for this page; false where a token is missing. */
    this.authorized = true;
    /** Style files of own styles, by id. @type {Map<string, Blob>} */
    this._files = new Map();
    /** Encoded photographs, so that one is not encoded for each preview. @type {WeakMap<object, Map<number, Promise<Blob>>>} */
    this._encoded = new WeakMap();
  }

  /** @returns {Promise<import("./painter.js").PainterInfo>} */
  async info() {
    const response = await this._fetch("v1/info", { signal: AbortSignal.timeout(5000) });
    const info = await response.json();
    this.authorized = info.authorized !== false;
    const networks = info.networks.map((/** @type {{name: string}} */ { name }) => name);
    networks.sort((/** @type {string} */ a, /** @type {string} */ b) => Number(b === info.default_network) - Number(a === info.default_network));
    return {
      where: this.where,
      name: this.base.hostname,
      networks,
      colors: info.colors,
      maxPixels: info.limits.max_pixels,
      threads: info.threads,
      backend: info.engine,
      features: info.features,
    };
  }

  /** @param {(progress: import("./painter.js").Progress) => void} [onProgress] */
  async ready(onProgress) {
    await this.info();
    onProgress?.({ done: 1, total: 1 });
  }

  /**
   * @param {Blob|ImageBitmap} photo
   * @param {PaintOptions} options
   * @param {Control} [control]
   */
  async paint(photo, options, control = {}) {
    const form = new FormData();
    const picture = await this._picture(photo, options.size);
    form.append("image", picture, picture.type === "image/png" ? "photo.png" : "photo.jpg");
    form.append("format", "png");
    await this._addOptions(form, options);
    const result = await this.run("v1/stylize", form, control);
    const bitmap = await decode(result, "the painting");
    const canvas = drawn(bitmap, bitmap.width, bitmap.height, true);
    const ctx = canvas.getContext("2d");
    if (!ctx) throw new Error("cannot show the painting: this browser has no memory left; close other tabs");
    return ctx.getImageData(0, 0, canvas.width, canvas.height);
  }

  /**
   * Paint a video.
   * @param {File} video
   * @param {PaintOptions} options
   * @param {JobControl} control
   */
  async paintVideo(video, options, control) {
    const form = new FormData();
    form.append("video", video, video.name);
    form.append("format", "mp4");
    await this._addOptions(form, options);
    return this.run("v1/videos", form, control);
  }

  /**
   * Learn a style from a picture, for minutes.
   * @param {Blob} picture
   * @param {string} title
   * @param {number} minutes
   * @param {JobControl} control
   */
  async learn(picture, title, minutes, control) {
    const form = new FormData();
    form.append("image", picture, "style.jpg");
    form.append("name", title);
    form.append("minutes", String(minutes));
    return this.run("v1/styles", form, control);
  }

  /**
   * Optimize the pixels of one picture.
   * @param {Blob} photo
   * @param {Blob} stylePicture
   * @param {{steps: number, strength: number}} options
   * @param {JobControl} control
   */
  async optimize(photo, stylePicture, { steps, strength }, control) {
    const form = new FormData();
    form.append("image", photo, "photo.jpg");
    form.append("style_image", stylePicture, "style.jpg");
    form.append("steps", String(steps));
    form.append("strength", String(strength));
    form.append("format", "png");
    return this.run("v1/optimize", form, control);
  }

  /**
   * @param {Blob} picture
   * @param {string} title
   * @param {Control} [control]
   * @returns {Promise<Style>}
   */
  async addPicture(picture, title, control = {}) {
    const form = new FormData();
    form.append("image", picture, "style.jpg");
    form.append("name", title.slice(0, 80) || "style");
    const file = await this._fetch("v1/styles", { method: "POST", body: form, signal: control.signal });
    return this._keep(await file.blob(), title, "picture");
  }

  /**
   * @param {Blob} file
   * @param {string} title
   * @returns {Promise<Style>}
   */
  async addStyleFile(file, title) {
    // painted once, so that a broken file is refused here
    const form = new FormData();
    form.append("image", await encode(document.createElement("canvas"), "image/png"), "probe.png");
    form.append("style_file", file, "style.safetensors");
    await this._fetch("v1/stylize", { method: "POST", body: form });
    return this._keep(file, title, "file");
  }

  /** @param {Style} style */
  async saveStyle(style) {
    return this._files.get(style.id) ?? null;
  }

  /**
   * Cameras are painted on this device only.
   * @returns {import("./painter.js").LivePainter}
   */
  live() {
    throw new Error("cannot paint the camera on a server: it would be too slow; paint in this browser");
  }

  /**
   * Send work as a job, follow it, and return the file it made.
   * @param {string} path
   * @param {FormData} form
   * @param {JobControl} control
   * @returns {Promise<Blob>}
   */
  async run(path, form, { signal, onProgress, onPreview, onPlace }) {
    const response = await this._fetch(path, { method: "POST", body: form, headers: { Prefer: "respond-async" }, signal });
    if (response.status !== 202) return response.blob();
    /** @type {Job} */
    const job = await response.json();
    const address = `v1/jobs/${encodeURIComponent(job.id)}`;
    const cancel = () => void this._fetch(address, { method: "DELETE", keepalive: true }).catch(() => {});
    signal?.addEventListener("abort", cancel, { once: true });
    if (signal?.aborted) cancel();
    try {
      for await (const { event, data } of this._events(`${address}/events`, signal)) {
        if (event === "preview") onPreview?.(data.image);
        if (event === "queued") onPlace?.(data.place);
        if (event === "progress" || event === "running") {
          const { done, total, seconds_left } = data.progress;
          onProgress?.({ done, total, ...(seconds_left ? { secondsLeft: seconds_left } : {}) });
        }
        if (event === "failed") throw new Error(problemText(data.error));
        if (event === "cancelled") throw new DOMException("stopped", "AbortError");
        if (event === "done") break;
      }
      return await (await this._fetch(`${address}/result`, { signal })).blob();
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }

  /**
   * Server-sent events, read by `fetch`, which can carry the token.
   * @param {string} path
   * @param {AbortSignal|undefined} signal
   * @returns {AsyncGenerator<{event: string, data: any}>}
   */
  async *_events(path, signal) {
    const response = await this._fetch(path, { headers: { Accept: "text/event-stream" }, signal });
    if (!response.body) return;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value.replaceAll("\r\n", "\n");
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const block = text.slice(0, end);
        text = text.slice(end + 2);
        const event = block.match(/^event: ?(.*)$/m)?.[1];
        const data = [...block.matchAll(/^data: ?(.*)$/gm)].map((line) => line[1]).join("\n");
        if (event && data) yield { event, data: JSON.parse(data) };
      }
    }
  }

  /** @param {FormData} form @param {PaintOptions} options */
  async _addOptions(form, { styles, strength, stroke, color, network, mask }) {
    const named = styles.filter(({ id }) => id.startsWith("gallery:"));
    const own = styles.filter(({ id }) => !id.startsWith("gallery:"));
    const bare = (/** @type {string} */ id) => id.replace("gallery:", "");
    if (!own.length) {
      form.append("style", named.length === 1 ? bare(named[0].id) : named.map(({ id, weight }) => `${bare(id)}:${weight.toFixed(4)}`).join(","));
    } else {
      if (named.length) form.append("style", bare(named[0].id));
      for (const { id } of own) {
        const file = this._files.get(id);
        if (!file) throw new Error("cannot paint: the server does not know this style; add it again");
        form.append("style_file", file, "style.safetensors");
      }
      if (styles.length > 1) form.append("style_weights", [...named, ...own].map(({ weight }) => weight.toFixed(4)).join(","));
    }
    form.append("strength", String(strength));
    form.append("stroke", String(stroke));
    if (color && color !== "none") form.append("color", color);
    form.append("network", network);
    if (mask) {
      const canvas = document.createElement("canvas");
      canvas.width = mask.width;
      canvas.height = mask.height;
      canvas.getContext("2d")?.putImageData(mask, 0, 0);
      form.append("mask", await encode(canvas, "image/png"), "mask.png");
    }
  }

  /**
   * The photograph as it is sent: files as they are, smaller sizes by this browser.
   * @param {Blob|ImageBitmap} photo
   * @param {number} [size]
   * @returns {Promise<Blob>}
   */
  async _picture(photo, size) {
    if (photo instanceof Blob && !size) return photo;
    const side = size ?? 0;
    let sizes = this._encoded.get(photo);
    if (!sizes) this._encoded.set(photo, (sizes = new Map()));
    let encoded = sizes.get(side);
    if (!encoded) {
      encoded = reduce(photo, side);
      if (sizes.size > 4) sizes.clear();
      sizes.set(side, encoded);
    }
    return encoded;
  }

  /**
   * @param {Blob} file
   * @param {string} title
   * @param {"picture"|"file"} kind
   * @returns {Style}
   */
  _keep(file, title, kind) {
    const id = `own:${crypto.randomUUID()}`;
    this._files.set(id, file);
    return { id, title, kind, preview: null };
  }

  /**
   * @param {string} path
   * @param {RequestInit} [init]
   * @returns {Promise<Response>}
   */
  async _fetch(path, init = {}) {
    const headers = new Headers(init.headers);
    if (this.token) headers.set("Authorization", `Bearer ${this.token}`);
    for (let attempt = 0; ; attempt++) {
      let response;
      try {
        response = await fetch(new URL(path, this.base), { ...init, headers });
      } catch (error) {
        if (error instanceof DOMException) throw error;
        throw new Error(`cannot reach ${this.base.hostname}: the server does not answer; start it again, or paint in this browser`);
      }
      if (response.ok) return response;
      if (response.status === 503 && attempt < RETRIES) {
        const wait = Math.min(20, Number(response.headers.get("Retry-After")) || 2);
        await pause(wait * 1000, init.signal ?? undefined);
        continue;
      }
      const problem = await response.json().catch(() => null);
      throw new Error(problemText(problem) || `cannot paint: the server answered ${response.status}; try again`);
    }
  }
}

/** @param {any} problem */
function problemText(problem) {
  if (typeof problem === "string") return problem;
  return problem?.detail || problem?.title || "cannot paint: the server failed; try again";
}

/** @param {number} milliseconds @param {AbortSignal} [signal] */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => { clearTimeout(timer); reject(new DOMException("stopped", "AbortError")); }, { once: true });
  });
}

/** @param {Blob|ImageBitmap} photo @param {number} side */
async function reduce(photo, side) {
  const bitmap = photo instanceof Blob ? await decode(photo) : photo;
  const { width, height } = side ? fit(bitmap.width, bitmap.height, side) : bitmap;
  return encode(drawn(bitmap, width, height), "image/png");
}
