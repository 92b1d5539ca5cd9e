// Paints by tinting, in no time: what tests of the page use in place of the engine.
// `globalThis.stub` counts what was asked, and sets how long a painting takes. `stub.gate` keeps it from being ready.

const stub = (globalThis.stub = Object.assign({ milliseconds: 0, paints: [], stopped: 0, fail: "" }, globalThis.stub));

export function createBrowserPainter() {
  return new StubPainter();
}

const hue = (id) => [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7);

class StubPainter {
  where = "device";
  styles = new Map();

  async info() {
    return {
      where: "device", name: "This device", networks: ["base", "small"],
      colors: ["style", "luminance", "histogram"], maxPixels: 12e6, threads: 1, backend: "stub",
      features: { video: false, train: false, optimize: false },
    };
  }

  async ready(onProgress) {
    await stub.gate;
    onProgress?.({ done: 1, total: 1 });
  }

  async paint(photo, options, { signal, onProgress } = {}) {
    signal?.throwIfAborted();
    const { mask, ...rest } = options;
    const record = { ...rest, mask: Boolean(mask), done: false };
    stub.paints.push(record);
    if (stub.fail) throw new Error(stub.fail);
    for (const { id } of options.styles) if (id.startsWith("own:") && !this.styles.has(id)) throw new Error("unknown style");
    const steps = 5;
    for (let step = 0; step < steps; step++) {
      if (stub.milliseconds) await new Promise((next) => setTimeout(next, stub.milliseconds / steps));
      if (signal?.aborted) { stub.stopped += 1; signal.throwIfAborted(); }
      onProgress?.({ done: step + 1, total: steps, secondsLeft: ((steps - step - 1) * stub.milliseconds) / steps / 1000 });
    }
    const bitmap = photo instanceof Blob ? await createImageBitmap(photo) : photo;
    const scale = Math.min(1, (options.size ?? Infinity) / Math.max(bitmap.width, bitmap.height));
    const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
    const ctx = canvas.getContext("2d");
    ctx.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    ctx.globalAlpha = 0.7 * options.strength;
    ctx.fillStyle = `hsl(${hue(options.styles[0].id)} 80% 50%)`;
    ctx.fillRect(0, 0, canvas.width, canvas.height);
    record.done = true;
    return ctx.getImageData(0, 0, canvas.width, canvas.height);
  }

  async addPicture(picture, title) {
    const style = { id: `own:${crypto.randomUUID()}`, title, kind: "picture", preview: null };
    this.styles.set(style.id, picture);
    return style;
  }

  async addStyleFile(file, title) {
    const head = new Uint8Array(await file.slice(0, 9).arrayBuffer());
    if (head[8] !== 0x7b) throw new Error(`cannot read ${title}: this is no style file; use one made by impasto`);
    return this.addPicture(file, title);
  }

  async saveStyle(style) {
    return this.styles.has(style.id) ? new Blob([new Uint8Array(16)]) : null;
  }

  live(options) {
    return {
      async paint(frame) {
        const canvas = new OffscreenCanvas(frame.width, frame.height);
        const ctx = canvas.getContext("2d");
        ctx.drawImage(frame, 0, 0);
        ctx.globalAlpha = 0.5;
        ctx.fillStyle = `hsl(${hue(options.styles[0].id)} 80% 50%)`;
        ctx.fillRect(0, 0, frame.width, frame.height);
        return createImageBitmap(canvas);
      },
      close() {},
    };
  }
}
