/** What the page keeps in this browser over a reload: paintings and own styles (IndexedDB). */

const NAME = "impasto";
const MAX_ENTRIES = 60;
const MAX_BYTES = 300 * 2 ** 20;

/**
 * @typedef {Object} Entry
 * @property {string} id
 * @property {number} time
 * @property {"picture"|"video"} kind
 * @property {string} name  Name of the photograph's file.
 * @property {string} photoId  The same for all paintings of one photograph.
 * @property {Blob} photo
 * @property {Blob} painting
 * @property {Blob} thumb
 * @property {Record<string, any>} settings
 *
 * @typedef {Object} OwnStyle
 * @property {string} key
 * @property {number} time
 * @property {string} title
 * @property {"picture"|"file"} kind
 * @property {Blob} source
 * @property {Blob|null} preview
 */

/** @type {Promise<IDBDatabase>|null} */
let opened = null;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("paintings", { keyPath: "id" });
      request.result.createObjectStore("styles", { keyPath: "key" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

/**
 * @template T
 * @param {string} store
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} act
 * @param {T} otherwise  The answer where the browser keeps nothing, as in private windows.
 * @returns {Promise<T>}
 */
async function run(store, mode, act, otherwise) {
  try {
    const database = await open();
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(store, mode);
      const request = act(transaction.objectStore(store));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  } catch (error) {
    console.warn("the history is not kept:", error);
    return otherwise;
  }
}

/** Paintings of this browser, oldest first. @returns {Promise<Entry[]>} */
export async function loadEntries() {
  const all = await run("paintings", "readonly", (store) => store.getAll(), []);
  return all.sort((a, b) => a.time - b.time);
}

/** @param {Entry} entry */
export const saveEntry = (entry) =>
  run("paintings", "readwrite", (store) => store.put(entry), /** @type {IDBValidKey} */ (""));

/** @param {string} id */
export const deleteEntry = (id) => run("paintings", "readwrite", (store) => store.delete(id), undefined);

/** Own styles, oldest first. @returns {Promise<OwnStyle[]>} */
export async function loadStyles() {
  const all = await run("styles", "readonly", (store) => store.getAll(), []);
  return all.sort((a, b) => a.time - b.time);
}

/** @param {OwnStyle} style */
export const saveStyle = (style) =>
  run("styles", "readwrite", (store) => store.put(style), /** @type {IDBValidKey} */ (""));

/** @param {string} key */
export const deleteStyle = (key) => run("styles", "readwrite", (store) => store.delete(key), undefined);

/**
 * Which of the oldest entries are too many.
 * @param {Entry[]} entries  Oldest first.
 * @returns {Entry[]}
 */
export function surplus(entries) {
  let bytes = 0;
  const kept = new Set();
  for (const entry of [...entries].reverse()) {
    bytes += entry.painting.size + entry.thumb.size + entry.photo.size;
    if (kept.size >= MAX_ENTRIES || (bytes > MAX_BYTES && kept.size > 0)) break;
    kept.add(entry.id);
  }
  return entries.filter(({ id }) => !kept.has(id));
}
