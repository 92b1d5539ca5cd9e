/**
 * The one interface between the page and what paints: this device, or a server.
 *
 * `browser.js` and `server.js` implement it. The page knows nothing else of either.
 *
 * @typedef {{name: string, title?: string, artist?: string, year?: string}} GalleryStyle
 *
 * What the page keeps of a style. `id` is "gallery:NAME" or "own:UUID".
 * @typedef {{id: string, title: string, kind: "gallery"|"picture"|"file", preview: Blob|string|null}} Style
 *
 * All settings of one painting.
 * @typedef {Object} PaintOptions
 * @property {{id: string, weight: number}[]} styles  A mix; weights sum to 1.
 * @property {number} strength  From 0 (the photograph) to 1 (the full style).
 * @property {number|"auto"} stroke  Factor of the stroke size; 1 is as the network paints.
 * @property {string} color  A color mode of the command line: "style", "luminance", ...
 * @property {"small"|"base"|"large"} network  The network that paints.
 * @property {number} [size]  Longest side of the painting in pixels; absent is full size.
 * @property {ImageData|null} [mask]  Same aspect as the photograph; red 255 is painted, 0 is kept.
 *
 * @typedef {{done: number, total: number, secondsLeft?: number}} Progress
 * @typedef {{signal?: AbortSignal, onProgress?: (progress: Progress) => void}} Control
 *
 * @typedef {Object} PainterInfo
 * @property {"device"|"server"} where
 * @property {string} name  "This device", or the host of the server.
 * @property {string[]} networks  Names of networks, the default one first.
 * @property {string[]} colors  Names of color modes.
 * @property {number} maxPixels  Pixels of the largest photograph.
 * @property {number} [threads]
 * @property {string} [backend]  What computes: "wasm", "webgpu", "openvino".
 * @property {{video: boolean, train: boolean, optimize: boolean}} features
 *
 * Paints what a camera sees. Of frames that come too fast, the newest wins.
 * @typedef {Object} LivePainter
 * @property {(frame: ImageBitmap) => Promise<ImageBitmap>} paint
 * @property {() => void} close
 *
 * @typedef {Object} Painter
 * @property {"device"|"server"} where
 * @property {() => Promise<PainterInfo>} info
 * @property {(onProgress?: (progress: Progress) => void) => Promise<void>} ready  Loads, warms up, tests itself.
 * @property {(photo: Blob|ImageBitmap, options: PaintOptions, control?: Control) => Promise<ImageData>} paint
 *   Rejects with an `Error` whose message is one line for the user, or a `DOMException` "AbortError".
 * @property {(picture: Blob, title: string, control?: Control) => Promise<Style>} addPicture  Predicts a style.
 * @property {(file: Blob, title: string) => Promise<Style>} addStyleFile  Reads a .safetensors file.
 * @property {(style: Style) => Promise<Blob|null>} saveStyle  The style as a .safetensors file.
 * @property {(options: PaintOptions) => LivePainter} live
 */

export {};
