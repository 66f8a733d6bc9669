// The heartbeat strip: a service's states over the last while, drawn to scale.
//
// Rule: height tells the state as well as colour does: UP is a low band, DOWN the full height, the others between. What
// was too short to be seen is drawn two pixels wide: a blip that is invisible did not happen, to the one who looks.
import { svg } from "./dom.js";
import { age, plural, stateOf } from "./words.js";

export const HOUR_MS = 3_600_000;
const LEAST = 2;
const HEIGHTS = { up: 0.34, down: 1, unknown: 0.66, out: 0.2 };

export function strip(steps, nowMs, { width = 150, height = 18, spanMs = HOUR_MS } = {}) {
  const from = nowMs - spanMs;
  const x = (ms) => ((Math.max(ms, from) - from) / spanMs) * width;
  const bars = [];
  merged(steps).forEach(({ atMs, kind }, index, all) => {
    const begin = atMs ?? (steps.length > 1 ? from : null); // a first step tells only what was before the second
    const end = index + 1 < all.length ? all[index + 1].atMs : nowMs;
    if (begin === null || end < from) return;
    const wide = Math.max(x(end) - x(begin), kind === "up" ? 0 : LEAST);
    const tall = height * HEIGHTS[kind];
    const left = Math.min(x(begin), width - wide);
    bars.push({ kind, left, wide, tall });
  });
  bars.sort((one, other) => (one.kind === "down") - (other.kind === "down")); // DOWN lies on top
  return svg("svg.strip", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img",
    "aria-label": told(steps, nowMs, spanMs) },
    bars.map(({ kind, left, wide, tall }) => svg(`rect.s-${kind}`, { x: left.toFixed(2), width: wide.toFixed(2),
      y: ((height - tall) / 2).toFixed(2), height: tall.toFixed(2), rx: 1 })));
}

// Neighbours that look alike are one.
function merged(steps) {
  const kept = [];
  for (const [atMs, state] of steps) {
    const { kind } = stateOf(state);
    if (kept.at(-1)?.kind !== kind) kept.push({ atMs, kind });
  }
  return kept;
}

// The strip in words: for who does not see it.
export function told(steps, nowMs, spanMs = HOUR_MS) {
  const from = nowMs - spanMs;
  let times = 0;
  let downMs = 0;
  steps.forEach(([atMs, state], index) => {
    const end = index + 1 < steps.length ? steps[index + 1][0] : nowMs;
    if (state !== "DOWN" || end < from) return;
    times += 1;
    downMs += end - Math.max(atMs ?? from, from);
  });
  const span = age(spanMs).replace(/ 00[ms]$/, "");
  return times === 0 ? `last ${span}: not down` : `last ${span}: down ${plural(times, "time")}, ${age(downMs)} in all`;
}
