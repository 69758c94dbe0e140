// Shows /api/openapi.json: what can be asked, with what, and what comes back. The document's text only ever becomes
// text nodes, never markup.
"use strict";

const METHODS = ["get", "head", "post", "put", "patch", "delete"];

function make(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.flat(Infinity));
  return made;
}

const lastPart = (reference) => reference.split("/").pop();

// A schema as one would write its type, as a list of texts and links.
function shape(schema, indent) {
  if (!schema) return ["any"];
  if (schema.$ref) {
    const name = lastPart(schema.$ref);
    return [make("a", { href: "#schema-" + name }, name)];
  }
  if (schema.allOf) return joined(schema.allOf, " & ", indent);
  const either = schema.oneOf || schema.anyOf;
  if (either) return joined(either.filter((one) => one.type !== "null"), " | ", indent);
  const types = [schema.type || "any"].flat().filter((type) => type !== "null");
  if (types.includes("array")) return [shape(schema.items, indent), "[]"];
  if (schema.properties) return fields(schema, indent);
  if (schema.additionalProperties) {
    return ["{ [key]: ", shape(schema.additionalProperties, indent), " }"];
  }
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(" | ")];
  return [types.join(" | "), schema.format ? ` (${schema.format})` : ""];
}

function joined(schemas, separator, indent) {
  return schemas.flatMap((one, index) => [index ? separator : "", shape(one, indent)]);
}

function fields(schema, indent) {
  const inner = indent + "  ";
  const required = schema.required || [];
  const lines = Object.entries(schema.properties).map(([name, field]) => {
    const note = field.description ? make("span", { class: "dim" }, "  // " + oneLine(field.description)) : "";
    return [inner, name, required.includes(name) ? ": " : "?: ", shape(field, inner), note, "\n"];
  });
  return ["{\n", lines, indent, "}"];
}

const oneLine = (text) => text.replaceAll("\n", " ");

function content(body) {
  return Object.entries(body.content || {}).map(([type, { schema }]) =>
    make("pre", {}, make("span", { class: "dim" }, type + "\n"), shape(schema, "")));
}

function parameters(list) {
  if (!list.length) return [];
  const rows = list.map((one) =>
    make("tr", {},
      make("td", {}, make("code", {}, one.name), one.required ? " *" : ""),
      make("td", { class: "dim" }, one.in),
      make("td", {}, make("code", {}, shape(one.schema, ""))),
      make("td", {}, one.description || "")));
  return [make("h3", {}, "Parameters"), make("table", {}, rows)];
}

function responses(all, shared) {
  return Object.entries(all).map(([status, given]) => {
    const response = given.$ref ? shared[lastPart(given.$ref)] : given;
    const headers = Object.entries(response.headers || {}).map(([name, header]) =>
      make("div", {}, make("code", {}, name), " ", header.description || ""));
    return [make("h3", {}, status === "default" ? "otherwise" : status, " ", make("small", {}, response.description)),
      headers, content(response)];
  });
}

function operation(path, method, said, components) {
  const body = said.requestBody;
  return make("details", { id: said.operationId, "data-words": [path, method, said.operationId, said.summary].join(" ").toLowerCase() },
    make("summary", {}, make("span", { class: "method " + method }, method), make("code", {}, path),
      make("span", { class: "dim" }, said.summary || "")),
    make("div", {},
      make("p", {}, said.description || ""),
      make("p", { class: "dim" }, "operationId ", make("code", {}, said.operationId)),
      parameters(said.parameters || []),
      body ? [make("h3", {}, "Body"), content(body)] : [],
      responses(said.responses, components.responses || {})));
}

function section(title, about, children) {
  return make("section", {}, make("h2", {}, title, " ", make("small", {}, about)), children);
}

function show(api) {
  document.getElementById("version").textContent = api.info.version;
  document.getElementById("about").textContent = api.info.description;
  const all = Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => [path, method, item[method]]));
  const sections = api.tags.map((tag) => {
    const own = all.filter(([, , said]) => said.tags.includes(tag.name));
    return section(tag.name, tag.description, own.map((one) => operation(...one, api.components)));
  });
  const schemas = Object.entries(api.components.schemas).map(([name, schema]) =>
    make("details", { id: "schema-" + name, "data-words": name.toLowerCase() },
      make("summary", {}, make("code", {}, name), make("span", { class: "dim" }, oneLine(schema.description || ""))),
      make("div", {}, make("pre", {}, shape(schema, "")))));
  document.getElementById("operations").append(...sections, section("Schemas", "What bodies are made of", schemas));
}

function filter(text) {
  const words = text.toLowerCase().split(/\s+/);
  for (const one of document.querySelectorAll("details")) {
    one.hidden = !words.every((word) => one.dataset.words.includes(word));
  }
  for (const one of document.querySelectorAll("section")) {
    one.hidden = !one.querySelector("details:not([hidden])");
  }
}

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.hidden = false;
    target.parentElement.hidden = false;
    target.open = true;
    target.scrollIntoView();
  }
}

async function start() {
  const answer = await fetch("/api/openapi.json");
  if (!answer.ok) throw new Error(`/api/openapi.json answered ${answer.status}`);
  show(await answer.json());
  document.getElementById("filter").addEventListener("input", (event) => filter(event.target.value));
  addEventListener("hashchange", openTarget);
  openTarget();
}

start().catch((error) => { document.getElementById("operations").textContent = String(error); });
