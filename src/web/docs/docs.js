"use strict";
// Renders /openapi.json: each operation with its parameters, body and answers, each schema with its fields.

const element = (tag, properties, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};
const code = (text) => element("code", { textContent: text });
/** Text in which parts between backticks are code. */
const prose = (text = "") => text.split("`").map((part, place) => place % 2 ? code(part) : part);
const cell = (...children) => element("td", {}, ...children);
const table = (heads, rows) => element("table", {},
  element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { textContent: head, scope: "col" })))),
  element("tbody", {}, ...rows.map((cells) => element("tr", {}, ...cells))));

function shape(schema) {
  if (!schema) return document.createTextNode("");
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return element("a", { href: "#schema-" + name, textContent: name });
  }
  if (schema.enum) return code(schema.enum.map((word) => JSON.stringify(word)).join(" | "));
  if (schema.type === "array") return element("span", {}, "list of ", shape(schema.items));
  const bounds = ["minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"].filter((bound) => bound in schema)
    .map((bound) => bound + " " + schema[bound]).join(", ");
  return code([].concat(schema.type || "any").join(" | ") + (schema.format ? " (" + schema.format + ")" : "") + (bounds ? ", " + bounds : ""));
}

function operation(path, method, about) {
  const box = element("details", {}, element("summary", {}, element("span", { className: "verb", textContent: method }),
    code(path), " ", ...prose(about.summary)));
  if (about.parameters?.length) {
    box.append(element("h3", { textContent: "Parameters" }), table(["name", "in", "value", ""], about.parameters.map((parameter) =>
      [cell(code(parameter.name)), cell(parameter.in), cell(shape(parameter.schema)), cell(...prose(parameter.description))])));
  }
  const body = about.requestBody?.content?.["application/json"];
  if (body) box.append(element("h3", { textContent: "Body" }), element("p", {}, shape(body.schema)));
  box.append(element("h3", { textContent: "Answers" }), table(["status", "body", "headers", ""], Object.entries(about.responses).map(([status, answer]) => {
    const [media, content] = Object.entries(answer.content || {})[0] || [];
    return [cell(code(status)), cell(...(content ? [shape(content.schema), " ", element("small", { textContent: media })] : ["–"])),
      cell(Object.keys(answer.headers || {}).join(", ")), cell(...prose(answer.description))];
  })));
  return box;
}

function schema(name, about) {
  const box = element("details", { id: "schema-" + name }, element("summary", {}, code(name), " ", ...prose(about.description)));
  // A schema that is put together from others shows all of their fields.
  const own = [about, ...(about.allOf || [])];
  for (const part of own) {
    if (part.$ref) { box.append(element("p", {}, "all of ", shape(part))); continue; }
    const fields = Object.entries(part.properties || {});
    if (fields.length) {
      box.append(table(["field", "value", "", ""], fields.map(([field, value]) => [cell(code(field)), cell(shape(value)),
        cell((part.required || []).includes(field) ? "always" : "may be absent"), cell(...prose(value.description))])));
    } else if (part.enum || part.type) {
      box.append(element("p", {}, shape(part)));
    }
  }
  return box;
}

fetch("/openapi.json").then((answer) => answer.json()).then((api) => {
  document.getElementById("about").replaceChildren(...prose(api.info.description));
  const operations = Object.entries(api.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, about]) => operation(path, method, about)));
  document.getElementById("operations").replaceChildren(...operations);
  document.getElementById("schemas").replaceChildren(...Object.entries(api.components.schemas).map(([name, about]) => schema(name, about)));
  const open = () => { const target = document.getElementById(decodeURIComponent(location.hash.slice(1))); if (target) target.open = true; };
  addEventListener("hashchange", open);
  open();
}).catch((error) => { document.getElementById("operations").textContent = "The document could not be read: " + error.message; });
