// What a report holds of curves -> points to draw: other axes, smoothing, groups.
// Knows no page: numbers in, numbers out.

const PER_PART = 4; // two extremes in their order, the last, the mean

/** Return the numbers of `curve` by place of its runs: x, y to draw, and y for smoothing and means. */
export function decoded(curve) {
  const bytes = Uint8Array.from(atob(curve.y), (one) => one.charCodeAt(0));
  const all = curve.size === 4 ? new Float32Array(bytes.buffer) : new Float64Array(bytes.buffer);
  const wide = all.length / curve.runs.length;
  const lines = new Map();
  curve.runs.forEach((run, place) => {
    const values = all.subarray(place * wide, (place + 1) * wide);
    const lost = curve.about[place].marks ?? [];
    lines.set(run, curve.exact ? exactLine(curve.x, values, lost) : partLine(curve.x, values, lost));
  });
  return lines;
}

function exactLine(x, values, lost) {
  const line = { x: [], y: [], meanX: [], meanY: [], lost };
  const breaks = new Set(lost);
  for (let place = 0; place < values.length; place++) {
    const is = !Number.isNaN(values[place]);
    if (is || breaks.has(x[place])) {
      line.x.push(x[place]);
      line.y.push(is ? values[place] : null); // null breaks the line
    }
    if (is) {
      line.meanX.push(x[place]);
      line.meanY.push(values[place]);
    }
  }
  return line;
}

function partLine([low, high, parts], values, lost) {
  const line = { x: [], y: [], meanX: [], meanY: [], lost };
  const wide = (high - low) / parts;
  for (let part = 0; part < parts; part++) {
    const at = part * PER_PART;
    if (Number.isNaN(values[at])) continue;
    for (let slot = 0; slot < 3; slot++) {
      line.x.push(low + wide * (part + (slot + 0.5) / 3));
      line.y.push(values[at + slot]);
    }
    line.meanX.push(low + wide * (part + 0.5));
    line.meanY.push(values[at + 3]);
  }
  return line;
}

/** Return `line` with x as `knots` ([steps, values], one run's) say; null without them. */
export function across(line, knots) {
  if (!knots) return null;
  const at = (x) => between(knots[0], knots[1], x);
  return { ...line, x: line.x.map(at), meanX: line.meanX.map(at), lost: line.lost.map(at) };
}

/** Return y at `x` on the line through the points; outside of them the nearest. */
export function between(xs, ys, x) {
  let low = 0, high = xs.length - 1;
  if (x <= xs[0]) return ys[0];
  if (x >= xs[high]) return ys[high];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= x) low = middle; else high = middle;
  }
  const wide = xs[high] - xs[low];
  return wide ? ys[low] + ((x - xs[low]) / wide) * (ys[high] - ys[low]) : ys[high];
}

/** Return the moving average of y: `weight` is for a distance of `gap`, over twice that it is squared. */
export function smoothed(x, y, weight, gap) {
  let mean = 0, share = 0;
  return y.map((value, place) => {
    const part = weight ** Math.min(place ? (x[place] - x[place - 1]) / gap : 1, 1e6);
    mean = part * mean + (1 - part) * value;
    share = part * share + (1 - part);
    return share ? mean / share : value;
  });
}

/** Return x, mean, low, high and the number of lines at each place, over `lines`; one deviation around. */
export function averaged(lines) {
  const every = [...new Set(lines.flatMap((line) => line.meanX))].sort((one, other) => one - other);
  const step = Math.max(1, Math.ceil(every.length / 1500));
  const x = every.filter((_, place) => place % step === 0);
  const found = { x, mean: [], low: [], high: [], runs: [] };
  for (const at of x) {
    const values = lines.filter((line) => line.meanX.length && at >= line.meanX[0] && at <= line.meanX.at(-1))
      .map((line) => between(line.meanX, line.meanY, at)).filter(Number.isFinite);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const deviation = Math.sqrt(squares / Math.max(values.length - 1, 1));
    found.mean.push(mean);
    found.low.push(mean - deviation);
    found.high.push(mean + deviation);
    found.runs.push(values.length);
  }
  return found;
}

/** Join lines ({x, y}) on one x axis, as uPlot wants them: undefined where a line has no point. */
export function aligned(lines, most = 3000) {
  const every = new Set();
  for (const line of lines) for (const value of line.x) every.add(value);
  if (every.size <= most) {
    const x = [...every].sort((one, other) => one - other);
    const places = new Map(x.map((value, place) => [value, place]));
    return [x, ...lines.map((line) => {
      const y = new Array(x.length);
      line.x.forEach((value, place) => { y[places.get(value)] = line.y[place]; });
      return y;
    })];
  }
  let low = Infinity, high = -Infinity;
  for (const line of lines) for (const value of line.x) { low = Math.min(low, value); high = Math.max(high, value); }
  const parts = Math.floor(most / 3);
  const x = Array.from({ length: parts * 3 }, (_, place) => low + ((high - low) * (place + 0.5)) / (parts * 3));
  return [x, ...lines.map((line) => inParts(line, low, high, parts))];
}

/** Return of each part of the axis the two extremes, in their order, and the last. */
function inParts(line, low, high, parts) {
  const y = new Array(parts * 3);
  const wide = (high - low) / parts || 1;
  for (let start = 0; start < line.x.length;) {
    const part = Math.min(Math.floor((line.x[start] - low) / wide), parts - 1);
    let end = start, least = start, most = start;
    while (end < line.x.length && Math.min(Math.floor((line.x[end] - low) / wide), parts - 1) === part) {
      if (line.y[end] < line.y[least]) least = end;
      if (line.y[end] > line.y[most]) most = end;
      end++;
    }
    y[part * 3] = line.y[Math.min(least, most)];
    y[part * 3 + 1] = line.y[Math.max(least, most)];
    y[part * 3 + 2] = line.y[end - 1];
    start = end;
  }
  return y;
}
