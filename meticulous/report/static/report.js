// The page: reads the data that it brings along, and draws its parts.

import { choice, element } from "./text.js";
import { Selection } from "./selection.js";
import { drawTable } from "./table.js";
import { drawCurves } from "./picture.js";
import { drawScatter } from "./scatter.js";
import { drawParallel } from "./parallel.js";
import { drawDetails } from "./details.js";

const data = JSON.parse(document.getElementById("data").textContent);
const main = document.getElementById("report");
const selection = new Selection(data.runs.length);
const colours = {
  palette: data.palette,
  of: (run) => data.palette[data.slots[run]],
  styleOf: (run) => (data.slots[run] + Math.floor(run / data.palette.length)) % 5,
};
const labelOf = (run) => `run ${data.columns[0].values[run]}  ${data.runs[run].label}`.trim();
const themes = [["", "as the system"], ["light", "light"], ["dark", "dark"]];

function section(title) {
  const body = element("section", {}, element("h2", {}, title));
  main.append(body);
  return body;
}

main.append(element("header", {}, element("h1", {}, data.title),
  element("p", { class: "quiet" }, `Written by meticulous ${data.version}, ${data.made}. `,
    choice("Theme", themes, "", (theme) => {
      document.documentElement.dataset.theme = theme;
      selection.tell();
    }))));
const runs = section("Runs"), curves = section("Curves");
const several = data.runs.length > 1;
const scatter = several ? section("Scatter") : null, parallel = several ? section("Parallel coordinates") : null;
const details = section("Each run");
const open = drawDetails(details, data);
drawTable(runs, data.columns, selection, colours.of, open);
drawCurves(curves, data, selection, colours);
if (several) {
  drawScatter(scatter, data.columns, selection, colours, labelOf, open);
  drawParallel(parallel, data.columns, selection, colours, labelOf);
} else {
  open(0);
  scrollTo(0, 0);
}
