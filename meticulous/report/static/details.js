// All that is told of one run.

import { drawn, element, plainTable } from "./text.js";
import { length, short } from "./numbers.js";

/** Return a function that shows the run of a number in `place`. */
export function drawDetails(place, data) {
  const id = (run) => data.columns[0].values[run];
  const opened = new Map();
  place.append(element("p", { class: "quiet" }, "Choose a run in the table; or open one here."));
  data.runs.forEach((run, number) => {
    const body = element("div", { class: "detail" });
    const status = data.columns.find((column) => column.name === "status")?.values[number] ?? "";
    const one = element("details", { id: `run-${number}`, toggle: () => {
      if (one.open && !body.hasChildNodes()) fill(body, run);
    } }, element("summary", {}, element("strong", {}, `Run ${id(number)}`), `  ${status}  ${run.label}`), body);
    opened.set(number, one);
    place.append(one);
  });

  function fill(body, run) {
    const environment = data.environments[run.environment] ?? [];
    body.append(
      plainTable("Run", ["what", "value"], run.facts),
      run.args.length ? plainTable("Arguments", ["name", "value"], run.args) : "",
      run.summary.length ? plainTable("Summary", ["name", "value"], run.summary) : "",
      difference(run.before), ...run.resources.map(resource),
      ...Object.entries(run.log).map(([name, text]) => element("section", {}, element("h3", {}, `End of ${name}`),
        element("pre", { tabindex: "0", "aria-label": `End of ${name}` }, text))),
      environment.length ? element("details", {}, element("summary", {}, "Environment"), plainTable("Environment", ["name", "value"], environment)) : "");
  }

  return (run) => {
    const one = opened.get(run);
    one.open = true;
    one.scrollIntoView({ block: "start" });
    one.querySelector("summary").focus();
  };
}

function difference(before) {
  if (!before) return element("p", {}, "No run of this program came before.");
  if (!before.pairs.length) return element("p", {}, `Nothing differs from run ${before.run}, the one before.`);
  return plainTable(`Differs from run ${before.run}, the one before`, ["what", "before", "now"], before.pairs);
}

/** A small line of what was used, with its highest value beside. */
function resource(one) {
  const last = one.x.at(-1) || 1, most = one.max || 1;
  const points = one.x.map((x, place) => `${((x / last) * 298 + 1).toFixed(1)},${(39 - (Math.max(one.y[place], 0) / most) * 38).toFixed(1)}`);
  const text = `${one.name}: highest ${short(one.max)}, over ${length(last)}`;
  return element("figure", {}, element("figcaption", {}, text),
    drawn("svg", { viewBox: "0 0 300 40", class: "small", role: "img", "aria-label": text },
      drawn("polyline", { points: points.join(" "), class: "line" })));
}
