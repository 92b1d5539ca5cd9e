// The noise input of networks, as impasto/models/noise.py makes it: the same for every picture.

const SIDE = 509; // positions, two pixels apart
const WORDS = 3; // of 32 bits, whose bytes a number is made of

/** @type {Float32Array | undefined} */
let table;

/** @param {number} word */
function hash(word) {
  word = Math.imul(word ^ (word >>> 16), 0x7feb352d);
  word = Math.imul(word ^ (word >>> 15), 0x846ca68b);
  return word ^ (word >>> 16);
}

/** @returns {Float32Array} */
function makeTable() {
  const values = new Float32Array(SIDE * SIDE);
  for (let place = 0; place < values.length; place++) {
    let word = hash(place);
    let total = 0;
    for (let count = 0; count < WORDS; count++) {
      total += (word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24);
      word = hash(word);
    }
    values[place] = (total - 1530) / 256;
  }
  return values;
}

/** @param {number} place */
const wrap = (place) => ((place % SIDE) + SIDE) % SIDE;

/**
 * Returns the noise for a picture, or for a part of a larger one: float32 (1, 1, h / 2, w / 2).
 * @param {number} height pixels down, even
 * @param {number} width pixels across, even
 * @param {number} [top] pixels above the part, even
 * @param {number} [left] pixels to the left of the part, even
 * @returns {Float32Array}
 */
export function noiseAt(height, width, top = 0, left = 0) {
  table ??= makeTable();
  const rows = height / 2;
  const columns = width / 2;
  const noise = new Float32Array(rows * columns);
  const places = Int32Array.from({ length: columns }, (_, column) => wrap(left / 2 + column));
  for (let row = 0; row < rows; row++) {
    const line = wrap(top / 2 + row) * SIDE;
    for (let column = 0; column < columns; column++) {
      noise[row * columns + column] = table[line + places[column]];
    }
  }
  return noise;
}
