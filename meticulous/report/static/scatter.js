// A point for each run by two columns, as SVG; a rectangle drawn with the pointer catches runs.

import { choice, drawn, element } from "./text.js";
import { shown, ticks } from "./numbers.js";

const WIDE = 640, HIGH = 380, LEFT = 76, BELOW = 46, ABOVE = 12, RIGHT = 16;

/** The scale of a column: `at(run)` from 0 to 1, or null; `marks` are [share, text]. */
export function scaleOf(column, most = 5) {
  const numbers = column.values.filter((value) => typeof value === "number" && Number.isFinite(value));
  const isNumber = numbers.length && column.values.every((value) => value === null || typeof value === "number");
  if (!isNumber) {
    const words = [...new Set(column.values.filter((value) => value !== null).map(String))].sort();
    const share = (word) => (words.length > 1 ? words.indexOf(word) / (words.length - 1) : 0.5);
    const every = Math.ceil(words.length / 12);
    return {
      at: (run) => (column.values[run] === null ? null : share(String(column.values[run]))),
      marks: words.filter((_, place) => place % every === 0).map((word) => [share(word), shown(word, column.kind)]),
    };
  }
  let low = numbers.reduce((one, other) => Math.min(one, other)), high = numbers.reduce((one, other) => Math.max(one, other));
  const isLog = low > 0 && high / low >= 100;
  if (low === high) [low, high] = [low - (Math.abs(low) / 2 || 0.5), high + (Math.abs(high) / 2 || 0.5)];
  const share = isLog
    ? (value) => Math.log(value / low) / Math.log(high / low)
    : (value) => (value / 2 - low / 2) / (high / 2 - low / 2);
  return {
    at: (run) => (typeof column.values[run] === "number" ? share(column.values[run]) : null),
    marks: ticks(low, high, most, isLog).map((value) => [share(value), shown(value, column.kind)]),
  };
}

export function drawScatter(place, columns, selection, colours, labelOf, open) {
  const names = columns.map((column) => [column.name, column.name]);
  const isResult = (column) => /^(summary|metrics)_/.test(column.name) && column.kind === "number";
  const state = {
    x: columns.find((column) => column.name.startsWith("args_") && column.shown && column.kind === "number") ?? columns[0],
    y: columns.find(isResult) ?? columns.at(-1),
  };
  const chart = drawn("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", class: "scatter" });
  const named = (name) => columns.find((column) => column.name === name);
  const clear = element("button", { type: "button", click: () => selection.brush("scatter", null) }, "Clear brush");
  place.append(element("div", { class: "controls" },
    choice("x", names, state.x.name, (name) => { state.x = named(name); selection.brush("scatter", null); }),
    choice("y", names, state.y.name, (name) => { state.y = named(name); selection.brush("scatter", null); }), clear), chart);
  let start = null, points = [];
  const frame = drawn("rect", { class: "brush", visibility: "hidden" });

  function where(event) {
    const box = chart.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * WIDE, ((event.clientY - box.top) / box.height) * HIGH];
  }

  chart.addEventListener("pointerdown", (event) => { start = where(event); chart.setPointerCapture(event.pointerId); });
  chart.addEventListener("pointermove", (event) => {
    if (!start) return;
    const end = where(event);
    const values = { x: Math.min(start[0], end[0]), y: Math.min(start[1], end[1]), width: Math.abs(end[0] - start[0]), height: Math.abs(end[1] - start[1]) };
    Object.entries(values).forEach(([name, value]) => frame.setAttribute(name, value));
    frame.setAttribute("visibility", "visible");
  });
  chart.addEventListener("pointerup", (event) => {
    if (!start) return;
    const from = start, end = where(event);
    start = null;
    frame.setAttribute("visibility", "hidden");
    const isClick = Math.hypot(end[0] - from[0], end[1] - from[1]) < 5;
    const inside = points.filter(([x, y]) => isClick ? Math.hypot(x - end[0], y - end[1]) < 9
      : (x - from[0]) * (x - end[0]) <= 0 && (y - from[1]) * (y - end[1]) <= 0).map(([, , run]) => run);
    if (!isClick) selection.brush("scatter", inside.length ? new Set(inside) : null);
    else if (inside.length) open(inside[0]);
  });

  function draw() {
    const x = scaleOf(state.x, 7), y = scaleOf(state.y);
    const across = (share) => LEFT + 8 + share * (WIDE - LEFT - RIGHT - 16);
    const down = (share) => HIGH - BELOW - 8 - share * (HIGH - BELOW - ABOVE - 16);
    points = [];
    const dots = [];
    for (let run = 0; run < selection.count; run++) {
      const at = [x.at(run), y.at(run)];
      if (at.includes(null)) continue;
      const [left, top] = [across(at[0]), down(at[1])];
      points.push([left, top, run]);
      dots.push(drawn("circle", { cx: left, cy: top, r: 5, fill: colours.of(run), class: selection.has(run) ? null : "off" },
        drawn("title", {}, `${labelOf(run)}: ${shown(state.x.values[run], state.x.kind)}, ${shown(state.y.values[run], state.y.kind)}`)));
    }
    chart.setAttribute("aria-label", `${points.length} runs by ${state.x.name} and ${state.y.name}; the table of runs has the values`);
    chart.replaceChildren(
      ...x.marks.flatMap(([share, text]) => [drawn("line", { class: "grid", x1: across(share), x2: across(share), y1: ABOVE, y2: HIGH - BELOW }),
        drawn("text", { x: across(share), y: HIGH - BELOW + 16, "text-anchor": "middle" }, cut(text))]),
      ...y.marks.flatMap(([share, text]) => [drawn("line", { class: "grid", x1: LEFT, x2: WIDE - RIGHT, y1: down(share), y2: down(share) }),
        drawn("text", { x: LEFT - 6, y: down(share) + 4, "text-anchor": "end" }, cut(text))]),
      drawn("text", { x: (WIDE + LEFT) / 2, y: HIGH - 8, "text-anchor": "middle" }, state.x.name),
      drawn("text", { x: 14, y: HIGH / 2, "text-anchor": "middle", transform: `rotate(-90 14 ${HIGH / 2})` }, state.y.name),
      ...dots, frame);
    clear.disabled = !selection.brushes.has("scatter");
  }

  selection.listen(draw);
  draw();
}

export function cut(text, most = 14) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
