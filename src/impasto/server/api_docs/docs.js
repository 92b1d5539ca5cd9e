// Renders openapi.json: routes with their fields, answers, and a line of curl.

/** @typedef {Record<string, any>} Json */

/** @param {string} tag @param {string} [text] @param {Node[]} [children] @returns {HTMLElement} */
function element(tag, text = "", children = []) {
  const made = document.createElement(tag);
  made.textContent = text;
  made.append(...children);
  return made;
}

/** @param {Json} api @param {Json} schema @returns {Json} */
function resolve(api, schema) {
  if (!schema?.$ref) return schema ?? {};
  return schema.$ref.split("/").slice(1).reduce((/** @type {Json} */ at, /** @type {string} */ key) => at[key], api);
}

/** @param {Json} api @param {Json} given @returns {string} */
function describeType(api, given) {
  const schema = resolve(api, given);
  if (schema.anyOf) {
    const parts = schema.anyOf.map((/** @type {Json} */ part) => describeType(api, part));
    return parts.filter((/** @type {string} */ part) => part !== "null").join(" or ");
  }
  if (schema.type === "array") return `several: ${describeType(api, schema.items)}`;
  if (schema.contentMediaType || schema.format === "binary") return "file";
  const values = schema.enum ?? (schema.const === undefined ? [] : [schema.const]);
  const low = schema.minimum ?? schema.exclusiveMinimum;
  const high = schema.maximum ?? schema.exclusiveMaximum;
  const range = low === undefined ? "" : high === undefined ? ` from ${low}` : ` ${low} to ${high}`;
  return values.length ? values.join(" | ") : `${schema.type ?? "any"}${range}`;
}

/** @param {string[]} heads @param {string[][]} rows @returns {HTMLElement} */
function table(heads, rows) {
  const head = element("tr", "", heads.map((text) => element("th", text)));
  const body = rows.map((row) => element("tr", "", row.map((text, at) => (
    at === 0 ? element("td", "", [element("code", text)]) : element("td", text)))));
  return element("table", "", [element("thead", "", [head]), element("tbody", "", body)]);
}

/** @param {Json} api @param {Json} route @returns {[string, Json, boolean][]} */
function fieldsOf(api, route) {
  const content = Object.values(route.requestBody?.content ?? {})[0];
  const schema = resolve(api, content?.schema);
  return Object.entries(schema.properties ?? {}).map(([name, field]) => (
    [name, field, (schema.required ?? []).includes(name)]));
}

/** @param {string} method @param {string} path @param {[string, Json, boolean][]} fields @returns {string} */
function curl(method, path, fields) {
  const address = new URL(path.slice(1), new URL("./", location.href)).href;
  const parts = fields.flatMap(([name, field, required]) => {
    if (required) return [`-F ${name}=@photo.jpg`];
    return name === "style" ? [`-F style=${field.examples?.[0] ?? field.anyOf?.[0]?.examples?.[0]}`] : [];
  });
  const verb = method === "GET" || parts.length ? "" : `-X ${method} `;
  return ["curl", verb + decodeURI(address), ...parts].join(" ");
}

/** @param {Json} api @param {string} path @param {string} method @param {Json} route @returns {HTMLElement} */
function section(api, path, method, route) {
  const title = element("h2", "", [element("code", `${method} ${path}`), document.createTextNode(route.summary)]);
  title.id = `${method}${path}`;
  const fields = fieldsOf(api, route);
  const rows = fields.map(([name, field, required]) => {
    const fallback = field.default === undefined ? "" : ` Default: ${field.default}.`;
    return [name, describeType(api, field), `${required ? "Needed. " : ""}${field.description ?? ""}${fallback}`];
  });
  for (const given of route.parameters ?? []) {
    rows.push([given.name, given.in, given.description ?? ""]);
  }
  const answers = Object.entries(route.responses ?? {}).map(([status, answer]) => [status, answer.description]);
  return element("section", "", [
    title,
    element("p", route.description ?? ""),
    element("pre", curl(method, path, fields)),
    ...(rows.length ? [table(["field", "kind", "meaning"], rows)] : []),
    table(["status", "answer"], answers),
  ]);
}

const api = await (await fetch("openapi.json")).json();
const routes = Object.entries(api.paths).flatMap(([path, methods]) => (
  Object.entries(methods).map(([method, route]) => ({ path, method: method.toUpperCase(), route }))));
document.getElementById("about")?.append(`Version ${api.info.version}. ${api.info.description}`);
document.getElementById("contents")?.append(element("ul", "", routes.map(({ path, method, route }) => {
  const link = element("a", `${method} ${path}`);
  link.setAttribute("href", `#${method}${path}`);
  return element("li", "", [link, document.createTextNode(` — ${route.summary}`)]);
})));
document.getElementById("routes")?.append(...routes.map(({ path, method, route }) => section(api, path, method, route)));
