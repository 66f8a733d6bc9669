// States, times and figures as people read them; the same words as the command line's.

// Rank: what a person who was woken wants first. The glyph and the word carry the state; colour only helps.
export const STATES = {
  DOWN: { rank: 0, word: "DOWN", glyph: "▼", kind: "down" },
  UNKNOWN: { rank: 1, word: "UNKNOWN", glyph: "?", kind: "unknown" },
  GOING_OUT_OF_SERVICE: { rank: 2, word: "GOING", glyph: "◐", kind: "out", long: "going out of service" },
  OUT_OF_SERVICE: { rank: 3, word: "OUT", glyph: "■", kind: "out", long: "out of service" },
  UP: { rank: 4, word: "UP", glyph: "▲", kind: "up" },
  MAINTENANCE: { rank: 2, word: "MAINTENANCE", glyph: "◐", kind: "out" },
};
export const SERVICE_STATES = ["DOWN", "UNKNOWN", "GOING_OUT_OF_SERVICE", "OUT_OF_SERVICE", "UP"];

export const stateOf = (name) => STATES[name] ?? { rank: 1, word: name, glyph: "?", kind: "unknown" };

export function age(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  const two = (value) => String(value).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h ${two(Math.floor((seconds % 3600) / 60))}m`;
  return `${Math.floor(seconds / 86400)}d ${Math.floor((seconds % 86400) / 3600)}h`;
}

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "2-digit" });

// The time of day; with the date where it is another day's than now's.
export function clock(ms, nowMs = Date.now()) {
  if (ms === null || ms === undefined) return "–";
  const at = new Date(ms);
  const today = DAY.format(at) === DAY.format(new Date(nowMs));
  return today ? TIME.format(at) : `${DAY.format(at)} ${TIME.format(at)}`;
}

export const iso = (ms) => new Date(ms).toISOString();

export function response(us) {
  if (us === null || us === undefined) return "–";
  if (us < 10_000) return `${(us / 1000).toFixed(1)} ms`;
  return us < 1_000_000 ? `${Math.floor(us / 1000)} ms` : `${(us / 1e6).toFixed(1)} s`;
}

export const address = (ip, port) => `${!ip ? "?" : ip.includes(":") ? `[${ip}]` : ip}:${port}`;

export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
