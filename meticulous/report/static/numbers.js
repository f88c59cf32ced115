// Numbers, times and axes as people read them.

/** Write a number with up to six digits; what is none stays. */
export function short(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number") return String(value);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "-∞";
  return String(Number(value.toPrecision(6)));
}

/** Write a length of time in seconds: 12s, 3m05s, 2h07m, 3d04h. */
export function length(seconds) {
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  if (!Number.isFinite(seconds)) return short(seconds);
  if (Math.abs(seconds) < 10) return `${Number(seconds.toFixed(1))}s`;
  if (seconds < 60) return `${Math.round(seconds)}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h${two((seconds % 3600) / 60)}m`;
  return `${Math.floor(seconds / 86400)}d${two((seconds % 86400) / 3600)}h`;
}

/** Write an instant on the reader's clock. */
export function moment(seconds) {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return "";
  const two = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** Write the value of a cell by the kind of its column. */
export function shown(value, kind) {
  if (value === null || value === undefined) return "";
  if (kind === "duration" && typeof value === "number") return length(value);
  if (kind === "time") return moment(Date.parse(value) / 1000) || String(value);
  return short(value);
}

/** Round places between `low` and `high`, about `most` of them. */
export function ticks(low, high, most, isLog) {
  if (isLog && high / low > 5) {
    const found = [];
    const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
    const every = Math.max(1, Math.ceil((last - first) / most));
    for (let power = first; power <= last; power += every) {
      const value = Number(`1e${power}`);
      if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
    }
    return found.length > 1 ? found : [low, high];
  }
  const rough = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((part) => part * power >= rough * 0.999) ?? 10);
  const found = [];
  for (let count = Math.ceil(low / step - 1e-9); count * step <= high + step * 1e-9 && found.length < 50; count++) {
    found.push(Number((count * step).toPrecision(12)));
  }
  return found;
}
