// One chart by uPlot that the keyboard and a screen reader can use as well: arrow keys move a cursor
// whose place is read out, + and - zoom, and a table stands behind it.

import { element, plainTable } from "./text.js";
import { short } from "./numbers.js";

const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [14, 5]];
const MOST_READ = 4, MOST_IN_LEGEND = 24;

/** Return the colour that a class of the page has now, in words that a canvas understands. */
function colourOf(name) {
  const probe = element("span", { class: name });
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/**
 * A chart. `lines` are {label, colour, style, y, faint, lost, inBand}; `bands` pairs of places of lines,
 * with a colour; `about` is {heads, rows} of the table; `axis` is {name, text} of the x axis.
 */
export class Chart {
  constructor(place, title) {
    this.title = title;
    this.holder = element("div", { class: "canvas" });
    this.tip = element("div", { class: "tip", hidden: true });
    this.voice = element("p", { class: "unseen", "aria-live": "polite" });
    this.legend = element("ul", { class: "legend" });
    this.table = element("div");
    this.frame = element("div", {
      class: "chart", tabindex: "0", role: "group", "aria-roledescription": "chart", "aria-label": title, keydown: (event) => this.key(event),
    }, this.holder, this.tip, this.voice);
    const behind = element("details", {}, element("summary", {}, "As a table"), this.table);
    place.append(element("h3", {}, title), this.frame, this.legend, behind);
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(this.holder);
  }

  size() {
    return { width: Math.max(this.holder.clientWidth, 260), height: 280 };
  }

  draw(data, lines, bands, axis, isLog, about) {
    this.plot?.destroy();
    this.data = data;
    this.lines = lines;
    this.axis = axis;
    this.at = null;
    const ink = colourOf("ink"), grid = { stroke: colourOf("pale"), width: 1 };
    const all = { ...this.size(), legend: { show: false }, padding: [10, 12, 0, 0],
      scales: { x: { time: false }, y: { distr: isLog ? 3 : 1 } },
      cursor: { focus: { prox: 30 }, drag: { x: true, y: false } }, focus: { alpha: 0.25 },
      axes: [
        { stroke: ink, grid, ticks: grid, label: axis.name, labelSize: 20, values: (_, splits) => splits.map(axis.text) },
        { stroke: ink, grid, ticks: grid, size: 64, values: (_, splits) => splits.map((one) => one === null ? "" : short(one)) },
      ],
      series: [{ label: axis.name }, ...lines.map((line) => ({
        label: line.label, stroke: line.colour, width: line.inBand ? 0 : line.faint ? 0.6 : 1.4, alpha: line.faint ? 0.35 : 1,
        dash: DASHES[line.style % DASHES.length], spanGaps: false, points: { show: line.y.length === 1 || count(line.y) < 2 },
      }))],
      bands: bands.map(([above, below, colour]) => ({ series: [above + 1, below + 1], fill: colour })),
      hooks: { setCursor: [() => this.point()], draw: [(plot) => this.mark(plot)] },
    };
    this.plot = data[0].length ? new uPlot(all, data, this.holder) : null;
    const seen = lines.filter((line) => !line.faint && !line.inBand);
    const most = seen.length > 1 ? seen.slice(0, MOST_IN_LEGEND) : [];
    this.legend.replaceChildren(...most.map((line) => {
      const swatch = element("span", { class: `line style${line.style % DASHES.length}`, "aria-hidden": "true" });
      swatch.style.borderColor = line.colour;
      return element("li", {}, swatch, ` ${line.label}`);
    }), seen.length > most.length && seen.length > 1 ? element("li", {}, `and ${seen.length - most.length} more`) : "");
    this.frame.setAttribute("aria-label", `${this.title}: ${seen.length} lines by ${axis.name}. Arrow keys read values, + and - zoom, Escape shows all.`);
    this.table.replaceChildren(plainTable(this.title, about.heads, about.rows));
  }

  /** Draw a cross where a value is not a number, at the height of the value before. */
  mark(plot) {
    const context = plot.ctx;
    context.save();
    context.lineWidth = 1.5 * devicePixelRatio;
    const size = 4 * devicePixelRatio;
    this.lines.forEach((line, place) => {
      context.strokeStyle = line.colour;
      for (const x of line.lost ?? []) {
        const left = plot.valToPos(x, "x", true);
        if (left < plot.bbox.left || left > plot.bbox.left + plot.bbox.width) continue;
        const y = before(this.data[0], this.data[place + 1], x);
        const top = y === null ? plot.bbox.top + plot.bbox.height - size : plot.valToPos(y, "y", true);
        context.beginPath();
        context.moveTo(left - size, top - size); context.lineTo(left + size, top + size);
        context.moveTo(left - size, top + size); context.lineTo(left + size, top - size);
        context.stroke();
      }
    });
    context.restore();
  }

  /** Show beside the pointer which line is nearest. */
  point() {
    const { idx, left, top } = this.plot?.cursor ?? {};
    const found = idx === null || idx === undefined || left < 0 ? [] : this.near(idx, this.plot.posToVal(top, "y"));
    this.tip.hidden = !found.length;
    if (!found.length) return;
    const [line, value] = found[0];
    this.tip.textContent = `${this.axis.name} ${this.axis.text(this.data[0][idx])}   ${line.label}   ${short(value)}`;
    this.tip.style.insetInlineStart = `${Math.min(left + 70, this.holder.clientWidth * 0.6)}px`;
  }

  /** Return [line, value] of the lines at a place of the data, those nearest to `y` first. */
  near(idx, y) {
    const found = this.lines.flatMap((line, place) => {
      const value = around(this.data[place + 1], idx);
      return line.faint || line.inBand || value === null ? [] : [[line, value]];
    });
    return y === null ? found : found.sort((one, other) => Math.abs(one[1] - y) - Math.abs(other[1] - y));
  }

  key(event) {
    if (!this.plot || event.ctrlKey || event.metaKey || event.altKey) return;
    const x = this.data[0], last = x.length - 1;
    const { min, max } = this.plot.scales.x;
    const step = event.shiftKey ? Math.max(1, Math.round(x.length / 20)) : 1;
    const middle = this.at === null ? (min + max) / 2 : x[this.at];
    const moves = {
      ArrowRight: () => this.read(this.at === null ? 0 : Math.min(this.at + step, last)),
      ArrowLeft: () => this.read(this.at === null ? last : Math.max(this.at - step, 0)),
      Home: () => this.read(0),
      End: () => this.read(last),
      "+": () => this.zoom(middle - (max - min) / 4, middle + (max - min) / 4),
      "-": () => this.zoom(Math.max(middle - (max - min), x[0]), Math.min(middle + (max - min), x[last])),
      Escape: () => this.zoom(x[0], x[last]),
    };
    const move = moves[event.key === "=" ? "+" : event.key];
    if (!move) return;
    event.preventDefault();
    move();
  }

  zoom(min, max) {
    this.plot.setScale("x", { min, max });
  }

  /** Move the cursor to a place of the data, and say what is there. */
  read(idx) {
    this.at = idx;
    const found = this.near(idx, null);
    const x = this.data[0][idx];
    this.plot.setCursor({ left: this.plot.valToPos(x, "x"), top: found.length ? this.plot.valToPos(found[0][1], "y") : 0 });
    const words = found.slice(0, MOST_READ).map(([line, value]) => `${line.label}: ${short(value)}`);
    if (found.length > MOST_READ) words.push(`and ${found.length - MOST_READ} more lines`);
    this.voice.textContent = `${this.axis.name} ${this.axis.text(x)}. ${words.join("; ") || "no value"}`;
  }
}

function count(y) {
  let found = 0;
  for (const value of y) if (value !== undefined && value !== null) found++;
  return found;
}

function before(xs, ys, x) {
  let found = null;
  for (let place = 0; place < xs.length && (xs[place] <= x || found === null); place++) {
    if (ys[place] !== undefined && ys[place] !== null) found = ys[place];
  }
  return found;
}

/** Return the value at a place, or the nearest before it, where the line has begun; null otherwise. */
function around(ys, idx) {
  for (let place = idx; place >= 0 && idx - place < 200; place--) {
    if (ys[place] !== undefined && ys[place] !== null) return ys[place];
  }
  return null;
}
