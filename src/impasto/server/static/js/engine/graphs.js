// Checks ONNX graphs of style files before the engine runs them; see impasto/models/validation.py.
// Only operations that exports of impasto have may run. Graphs run inside WebAssembly, so one that
// takes too much memory fails by itself.

const OPERATIONS = new Set(
  (
    "Abs Add AveragePool Cast Clip Concat Constant ConstantOfShape Conv ConvTranspose DepthToSpace " +
    "Div Expand EyeLike Gather GatherND Gemm Identity InstanceNormalization LeakyRelu Log MatMul " +
    "Max MaxPool Min Mul Pad ReduceMean ReduceSum Relu Reshape Resize Shape Sigmoid Sign Slice " +
    "SpaceToDepth Split Sqrt Squeeze Sub Tanh Transpose Unsqueeze"
  ).split(" "),
);
const MAX_NODES = 5000;
const INPUTS = [["image", "embedding"], ["image", "embedding", "noise"]];
const OUTPUT = "picture";
// numbers of fields, as in onnx.proto
const MODEL = { graph: 7, trainingInfo: 20, functions: 25 };
const GRAPH = { node: 1, initializer: 5, input: 11, output: 12, sparse: 15 };
const NODE = { type: 4, attribute: 5, domain: 7 };
const ATTRIBUTE = { tensor: 5, more: [6, 10, 11, 22, 23] }; // graphs, lists and sparse tensors
const TENSOR = { externalData: 13, dataLocation: 14 };
const VALUE = { name: 1 };

/**
 * Checks a graph; throws an Error with the reason where it may not run.
 * @param {Uint8Array} bytes
 */
export function checkGraph(bytes) {
  const model = readMessage(bytes);
  const graphs = model.get(MODEL.graph) ?? [];
  if (graphs.length !== 1 || model.has(MODEL.trainingInfo) || model.has(MODEL.functions)) {
    throw new Error("its network is no plain graph");
  }
  const graph = readMessage(graphs[0]);
  const nodes = graph.get(GRAPH.node) ?? [];
  if (nodes.length > MAX_NODES || graph.has(GRAPH.sparse)) throw new Error("its network is too large");
  const inputs = namesOf(graph.get(GRAPH.input)).join();
  const outputs = namesOf(graph.get(GRAPH.output)).join();
  if (!INPUTS.some((names) => names.join() === inputs) || outputs !== OUTPUT) {
    throw new Error("its network takes and gives other things than pictures");
  }
  for (const node of nodes) checkNode(readMessage(node));
  for (const tensor of graph.get(GRAPH.initializer) ?? []) checkTensor(tensor);
}

/** @param {Fields} node */
function checkNode(node) {
  const type = textOf(node.get(NODE.type)?.[0]);
  const domain = textOf(node.get(NODE.domain)?.[0]);
  if (!OPERATIONS.has(type) || !["", "ai.onnx"].includes(domain)) {
    throw new Error(`its network has the operation ${type.replace(/\W/g, "")}, which may not run`);
  }
  for (const bytes of node.get(NODE.attribute) ?? []) {
    const attribute = readMessage(bytes);
    if (ATTRIBUTE.more.some((field) => attribute.has(field))) {
      throw new Error(`its network has more inside its operation ${type}`);
    }
    for (const tensor of attribute.get(ATTRIBUTE.tensor) ?? []) checkTensor(tensor);
  }
}

/** @param {Uint8Array} bytes */
function checkTensor(bytes) {
  const tensor = readMessage(bytes);
  if (tensor.has(TENSOR.externalData) || tensor.has(TENSOR.dataLocation)) {
    throw new Error("its network has weights in another file");
  }
}

/** @param {Uint8Array[]} [values] */
const namesOf = (values = []) => values.map((value) => textOf(readMessage(value).get(VALUE.name)?.[0]));

/** @param {Uint8Array} [bytes] */
const textOf = (bytes) => new TextDecoder().decode(bytes);

/** @typedef {Map<number, Uint8Array[]>} Fields contents by the number of the field */

/**
 * Reads the fields of a message in Protocol Buffers. Numbers are given as no bytes.
 * @param {Uint8Array} bytes
 * @returns {Fields}
 */
function readMessage(bytes) {
  /** @type {Fields} */
  const fields = new Map();
  let place = 0;
  const readNumber = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      if (place >= bytes.length || factor > 2 ** 63) throw new Error("its network is broken");
      const byte = bytes[place++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (place < bytes.length) {
    const tag = readNumber();
    const [field, kind] = [Math.floor(tag / 8), tag % 8];
    let size = kind === 1 ? 8 : kind === 5 ? 4 : 0;
    if (kind === 0) readNumber();
    else if (kind === 2) size = readNumber();
    else if (!size) throw new Error("its network is broken");
    if (place + size > bytes.length) throw new Error("its network is broken");
    const contents = fields.get(field) ?? [];
    contents.push(bytes.subarray(place, place + size));
    fields.set(field, contents);
    place += size;
  }
  return fields;
}
