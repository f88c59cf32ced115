// The charts of all names: which axis, smoothing, groups; drawn when they come into sight.

import { choice, element, tick } from "./text.js";
import { length, moment, short } from "./numbers.js";
import { across, aligned, averaged, decoded, smoothed } from "./series.js";
import { Chart } from "./chart.js";

const AXES = { step: ["step", short], relative: ["time since start", length], time: ["time", moment], epoch: ["epoch", short] };
const HEADS = ["curve", "points", "first", "last", "at step", "lowest", "at step", "highest", "at step", "not a number"];
const OPENED = 40;

/** Draw the section of curves of `data` into `place`. */
export function drawCurves(place, data, selection, colours) {
  const state = { x: "step", weight: 0, isLog: false, by: "" };
  const panels = [];
  const slider = element("input", { type: "range", min: 0, max: 0.99, step: 0.01, value: 0, id: "smooth", input: () => {
    state.weight = Number(slider.value);
    told.textContent = slider.value;
    redraw();
  } });
  const told = element("output", { for: "smooth" }, "0");
  const args = data.columns.filter((column) => column.name.startsWith("args_")).map((column) => [column.name, column.name]);
  const axes = ["step", ...Object.keys(data.axes)].map((name) => [name, AXES[name][0]]);
  place.append(element("div", { class: "controls" },
    choice("x axis", axes, state.x, (value) => { state.x = value; redraw(); }),
    element("label", { for: "smooth" }, "smoothing "), slider, told,
    tick("logarithmic", false, (is) => { state.isLog = is; redraw(); }),
    choice("mean over", [["", "no groups"], ["args", "all but seeds"], ...args], "", (value) => { state.by = value; redraw(); })));
  if (!data.curves.length) place.append(element("p", {}, "The runs have logged no metrics."));
  const watch = new IntersectionObserver((entries) => entries.forEach((entry) => {
    const panel = panels.find((one) => one.place === entry.target);
    panel.isSeen = entry.isIntersecting;
    if (panel.isSeen && panel.isOld) show(panel);
  }), { rootMargin: "300px" });
  const grid = element("div", { class: "charts" });
  place.append(grid);
  data.curves.forEach((curve) => {
    const panel = { curve, place: element("section", { class: "panel" }), isOld: true, isSeen: false };
    panel.chart = new Chart(panel.place, curve.name);
    panels.push(panel);
    grid.append(panel.place);
    watch.observe(panel.place);
  });
  let waits = false;
  selection.listen(redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  function redraw() {
    panels.forEach((panel) => { panel.isOld = true; });
    if (waits) return;
    waits = true;
    requestAnimationFrame(() => {
      waits = false;
      panels.filter((panel) => panel.isSeen).forEach(show);
    });
  }

  function show(panel) {
    panel.isOld = false;
    panel.lines ??= decoded(panel.curve);
    const runs = panel.curve.runs.filter((run) => selection.has(run));
    const lines = state.by ? groups(panel, runs) : singles(panel, runs);
    const drawn = lines.filter((line) => line.x.length);
    const bands = drawn.flatMap((line, at) => (line.inBand === "high" ? [[at, at + 1, line.fill]] : []));
    const [name, text] = AXES[state.x];
    panel.chart.draw(aligned(drawn), drawn, bands, { name, text }, state.isLog, { heads: HEADS, rows: table(panel.curve, runs) });
  }

  function line(panel, run) {
    const found = panel.lines.get(run);
    return state.x === "step" ? found : across(found, data.axes[state.x][run]);
  }

  function gap(panel, found) {
    if (state.x === "step") return panel.curve.gap;
    return (found.meanX.at(-1) - found.meanX[0]) / Math.max(found.meanX.length - 1, 1) || 1;
  }

  function singles(panel, runs) {
    const many = runs.length > OPENED;
    return runs.flatMap((run) => {
      const found = line(panel, run);
      if (!found) return [];
      const own = { label: label(run), colour: colours.of(run), style: colours.styleOf(run), lost: found.lost };
      const raw = { ...own, ...positive(found.x, found.y) };
      if (!state.weight) return [raw];
      const smooth = { ...own, ...positive(found.meanX, smoothed(found.meanX, found.meanY, state.weight, gap(panel, found))) };
      return many ? [smooth] : [{ ...raw, faint: true, lost: [] }, smooth];
    });
  }

  function groups(panel, runs) {
    const members = new Map();
    for (const run of runs) {
      const key = groupOf(run);
      members.set(key, [...(members.get(key) ?? []), run]);
    }
    return [...members].sort().flatMap(([key, inside], number) => {
      const found = inside.map((run) => line(panel, run)).filter(Boolean).map((one) => ({
        ...one, meanY: state.weight ? smoothed(one.meanX, one.meanY, state.weight, gap(panel, one)) : one.meanY,
      }));
      if (!found.length) return [];
      const mean = averaged(found);
      const colour = colours.palette[number % colours.palette.length];
      const edge = { colour, fill: colour + "2e", style: 0, label: key, lost: [] };
      return [
        { ...edge, ...positive(mean.x, mean.high), inBand: "high" },
        { ...edge, ...positive(mean.x, mean.low), inBand: "low" },
        { ...edge, ...positive(mean.x, mean.mean), style: number % 5, label: `${key} (n=${found.length})` },
      ];
    });
  }

  /** On a logarithmic axis nothing lies at or below zero. */
  function positive(x, y) {
    return { x, y: state.isLog ? y.map((value) => (value > 0 ? value : null)) : y };
  }

  function groupOf(run) {
    if (state.by === "args") return data.groups.labels[data.groups.of[run]] || "all";
    const column = data.columns.find((one) => one.name === state.by);
    return `${state.by.replace("args_", "")}=${short(column.values[run])}`;
  }

  function label(run) {
    return `${data.columns[0].values[run]}  ${data.runs[run].label}`.trim();
  }

  function table(curve, runs) {
    return runs.map((run) => {
      const about = curve.about[curve.runs.indexOf(run)];
      return [label(run), ...["points", "first", "last", "last_step", "min", "min_step", "max", "max_step", "lost"].map((name) => short(about[name]))];
    });
  }
}
