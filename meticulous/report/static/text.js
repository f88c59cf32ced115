// Text of runs -> nodes of the page. Nothing here ever becomes markup.

const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Return `value` as text in which control characters, also those of direction, are visible. */
export function plain(value) {
  return String(value).replace(OBEYED, (one) => "\\u" + one.charCodeAt(0).toString(16).padStart(4, "0"));
}

/** Make an element: attributes (functions are listeners), then text and other elements. */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function drawn(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, plain(value));
  }
  for (const child of children.flat()) {
    if (child === null || child === undefined) continue;
    node.append(child instanceof Node ? child : document.createTextNode(plain(child)));
  }
  return node;
}

/** A choice of `options` ([value, text]) with a label before it; `changed` gets the value. */
export function choice(label, options, chosen, changed) {
  const select = element("select", { change: (event) => changed(event.target.value) },
    options.map(([value, text]) => element("option", { value, selected: value === chosen }, text)));
  return element("label", {}, `${label} `, select);
}

/** A box to tick with a label behind it. */
export function tick(label, is, changed) {
  const box = element("input", { type: "checkbox", change: (event) => changed(event.target.checked) });
  box.checked = is;
  return element("label", { class: "tick" }, box, ` ${label}`);
}

/** A table of rows of texts, with a heading for each column; the first cell of a row heads it. */
export function plainTable(caption, heads, rows, attributes = {}) {
  return element("table", { class: "plain", ...attributes },
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, heads.map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", {}, rows.map((cells) => element("tr", {}, cells.map((cell, place) =>
      element(place ? "td" : "th", place ? {} : { scope: "row" }, cell ?? ""))))));
}
