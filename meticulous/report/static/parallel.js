// Parallel coordinates as SVG: an axis for each column, a line for each run. What is dragged along an
// axis catches the runs that pass there.

import { drawn, element, tick } from "./text.js";
import { cut, scaleOf } from "./scatter.js";

const HIGH = 320, ABOVE = 30, BELOW = 18, GAP = 130, LEFT = 70;
const MOST = 8;

export function drawParallel(place, columns, selection, colours, labelOf) {
  const usable = columns.filter((column) => column.kind !== "id" && new Set(column.values).size > 1);
  const results = usable.filter((column) => /^(summary|metrics)_/.test(column.name) && column.shown).slice(0, 2);
  const arguments_ = usable.filter((column) => column.name.startsWith("args_")).slice(0, MOST - results.length);
  const chosen = new Set([...arguments_, ...results]);
  const chart = drawn("svg", { role: "img", class: "parallel" });
  const brushes = new Map();
  const clear = element("button", { type: "button", click: () => { brushes.clear(); selection.brush("parallel", null); } }, "Clear brush");
  place.append(element("div", { class: "controls" },
    element("details", { class: "choices" }, element("summary", {}, "Axes"),
      element("div", { class: "ticks" }, usable.map((column) => tick(column.name, chosen.has(column), (is) => {
        if (is) chosen.add(column); else chosen.delete(column);
        brushes.delete(column);
        caught();
      })))), clear), element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Parallel coordinates" }, chart));
  let start = null;

  const down = (share) => HIGH - BELOW - share * (HIGH - ABOVE - BELOW);
  const shareAt = (event) => {
    const box = chart.getBoundingClientRect();
    return (HIGH - BELOW - ((event.clientY - box.top) / box.height) * HIGH) / (HIGH - ABOVE - BELOW);
  };

  function caught() {
    if (!brushes.size) return selection.brush("parallel", null);
    const runs = new Set();
    for (let run = 0; run < selection.count; run++) {
      const is = [...brushes].every(([column, [low, high]]) => {
        const at = scaleOf(column).at(run);
        return at !== null && at >= low && at <= high;
      });
      if (is) runs.add(run);
    }
    return selection.brush("parallel", runs);
  }

  function axis(column, scale, left) {
    const span = brushes.get(column);
    const handle = drawn("rect", { x: left - 14, y: ABOVE - 6, width: 28, height: HIGH - ABOVE - BELOW + 12, class: "handle" });
    handle.addEventListener("pointerdown", (event) => { start = shareAt(event); handle.setPointerCapture(event.pointerId); });
    handle.addEventListener("pointerup", (event) => {
      if (start === null) return;
      const ends = [start, shareAt(event)].sort((one, other) => one - other);
      start = null;
      if (ends[1] - ends[0] < 0.01) brushes.delete(column); else brushes.set(column, ends);
      caught();
    });
    return [
      drawn("line", { class: "axis", x1: left, x2: left, y1: ABOVE, y2: HIGH - BELOW }),
      ...scale.marks.map(([share, text]) => drawn("text", { x: left - 5, y: down(share) + 4, "text-anchor": "end" }, cut(text, 10))),
      drawn("text", { x: left, y: 14, "text-anchor": "middle", class: "head" }, cut(column.name.replace(/^(args|summary|metrics)_/, ""), 18)),
      span ? drawn("rect", { class: "brush", x: left - 6, width: 12, y: down(span[1]), height: down(span[0]) - down(span[1]) }) : null,
      handle,
    ].filter(Boolean);
  }

  function draw() {
    const axes = [...chosen];
    const scales = axes.map((column) => scaleOf(column));
    const wide = LEFT * 2 + GAP * Math.max(axes.length - 1, 1);
    chart.setAttribute("viewBox", `0 0 ${wide} ${HIGH}`);
    chart.style.width = `${wide * 1.15}px`;
    const lines = [];
    for (let run = 0; run < selection.count; run++) {
      const parts = scales.map((scale) => scale.at(run));
      const path = parts.map((share, place) => share === null ? "" : `${place && parts[place - 1] !== null ? "L" : "M"}${LEFT + place * GAP} ${down(share)}`).join("");
      lines.push(drawn("path", { d: path || "M0 0", stroke: colours.of(run), class: selection.has(run) ? "run" : "run off" }, drawn("title", {}, labelOf(run))));
    }
    chart.setAttribute("aria-label", `${selection.count} runs as lines across ${axes.map((column) => column.name).join(", ")}; the table of runs has the values`);
    chart.replaceChildren(...lines, ...axes.flatMap((column, place) => axis(column, scales[place], LEFT + place * GAP)));
    clear.disabled = !brushes.size;
  }

  selection.listen(() => {
    if (!selection.brushes.has("parallel")) brushes.clear();
    draw();
  });
  draw();
}
