// The table of runs: search, sort, choice of columns, a box to tick for each run.

import { element, tick } from "./text.js";
import { shown } from "./numbers.js";

const SECTIONS = /^(args|summary|metrics)_/;

/** Draw the table of `columns` ({name, kind, shown, values}) into `place`. */
export function drawTable(place, columns, selection, colourOf, open) {
  const state = { sort: null, down: true, chosen: new Set(columns.filter((one) => one.shown)) };
  const texts = Array.from({ length: selection.count }, (_, run) =>
    columns.map((column) => shown(column.values[run], column.kind)).join("\n").toLowerCase());
  const status = element("p", { role: "status", class: "quiet" });
  const table = element("table", { class: "runs" });
  const search = element("input", {
    type: "search", id: "search", placeholder: "lr 0.1 …",
    input: () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      selection.found = new Set(texts.flatMap((text, run) => words.every((word) => text.includes(word)) ? [run] : []));
      selection.tell();
    },
  });
  const choices = element("details", { class: "choices" }, element("summary", {}, "Columns"),
    element("div", { class: "ticks" }, columns.map((column) => tick(column.name, state.chosen.has(column), (is) => {
      if (is) state.chosen.add(column); else state.chosen.delete(column);
      draw();
    }))));
  const all = element("button", { type: "button", click: () => { selection.off.clear(); selection.tell(); } }, "Draw all");
  const none = element("button", { type: "button", click: () => {
    selection.found.forEach((run) => selection.off.add(run));
    selection.tell();
  } }, "Draw none");
  const clear = element("button", { type: "button", click: () => { selection.brushes.clear(); selection.tell(); } }, "Clear brushes");
  place.append(
    element("div", { class: "controls" }, element("label", { for: "search" }, "Search "), search, choices, all, none, clear, status),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of runs" }, table));

  function order() {
    const runs = [...selection.found].sort((one, other) => one - other);
    const column = state.sort;
    if (!column) return runs;
    const side = state.down ? -1 : 1;
    return runs.sort((one, other) => {
      const left = column.values[one], right = column.values[other];
      if (left === null || right === null) return (left === null) - (right === null);
      if (typeof left === "number" && typeof right === "number") return side * (left - right);
      return side * String(left).localeCompare(String(right), undefined, { numeric: true });
    });
  }

  function head(column) {
    const is = state.sort === column;
    const button = element("button", { type: "button", click: () => {
      state.down = is ? !state.down : column.kind !== "id";
      state.sort = column;
      draw();
      table.querySelectorAll("th button")[[...state.chosen].length ? shownColumns().indexOf(column) : 0]?.focus();
    } }, column.name.replace(SECTIONS, "$1 "), is ? (state.down ? " ↓" : " ↑") : "");
    return element("th", { scope: "col", class: column.kind, "aria-sort": is ? (state.down ? "descending" : "ascending") : "none" }, button);
  }

  function shownColumns() {
    return columns.filter((one) => state.chosen.has(one));
  }

  function row(run, visible) {
    const box = element("input", { type: "checkbox", "aria-label": `Draw run ${columns[0].values[run]}`, change: () => {
      if (box.checked) selection.off.delete(run); else selection.off.add(run);
      selection.tell();
    } });
    box.checked = !selection.off.has(run);
    const mark = element("span", { class: "swatch" });
    mark.style.backgroundColor = colourOf(run);
    const cells = visible.map((column) => {
      const text = shown(column.values[run], column.kind);
      if (column.kind !== "id") return element("td", { class: column.kind, title: text.length > 40 ? text : null }, text);
      return element("th", { scope: "row" }, element("button", { type: "button", class: "link", click: () => open(run) }, text));
    });
    return element("tr", { class: selection.has(run) ? null : "off" }, element("td", {}, box, mark), cells);
  }

  function draw() {
    const visible = shownColumns();
    table.replaceChildren(
      element("caption", {}, "Runs"),
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "drawn"), visible.map(head))),
      element("tbody", {}, order().map((run) => row(run, visible))));
    status.textContent = `${selection.found.size} of ${selection.count} runs, ${selection.drawn.length} drawn`;
    clear.disabled = !selection.brushes.size;
  }

  selection.listen(draw);
  draw();
}
