// Time travel: what every service was at an instant, and what is another now.
import { get, h, say } from "./dom.js";
import { VirtualList } from "./list.js";
import { SERVICE_STATES, clock, plural, stateOf } from "./words.js";
import { serviceLink } from "./services.js";

const SPANS = [["15 min", 900], ["1 h", 3600], ["6 h", 21600], ["1 d", 86400], ["7 d", 604800]];
const STEPS = 900; // of the slider
const WAIT_MS = 120; // while it moves
const PAGE = 10_000;

export class PastPage {
  title = "Time";
  #store; #list; #slider; #span; #when; #told; #listen; #asked = null; #later = null; #rows = []; #atMs;

  constructor(store, { params }) {
    this.#store = store;
    this.#atMs = Number(params.get("at")) || store.now() - 300_000;
    this.#slider = h("input", { type: "range", min: 0, max: STEPS, step: 1, "aria-label": "Instant" });
    this.#span = h("select", { "aria-label": "How far back" }, SPANS.map(([name, seconds]) => h("option", { value: seconds }, `last ${name}`)));
    this.#span.value = String((SPANS.find(([, seconds]) => store.now() - this.#atMs <= seconds * 1000) ?? SPANS.at(-1))[1]);
    this.#when = h("h1");
    this.#told = h("p.lead", { "aria-live": "polite" });
    this.#list = new VirtualList({ label: "Services then", build: rowElement, update: fill, open: (row) => { location.hash = serviceLink(row.name); } });
    this.#list.element.prepend(h("div.heads", { "aria-hidden": "true" }, ["Then", "Service", "Since", "Now"].map((head) => h("span", {}, head))));
    this.element = h("div.page.services.past", {}, this.#when, this.#told,
      h("div.travel", {}, this.#span, this.#slider, h("span.dim", {}, "now")), this.#list.element);
    this.#slider.addEventListener("input", () => this.#moved());
    this.#span.addEventListener("change", () => this.#moved());
    this.#listen = () => this.#fill();
    store.addEventListener("rows", this.#listen);
    this.#place();
    this.#ask();
  }

  close() {
    clearTimeout(this.#later);
    this.#asked?.abort();
    this.#store.removeEventListener("rows", this.#listen);
    this.#list.close();
  }

  key(event) {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return false;
    this.#list.element.focus({ preventScroll: true });
    this.#list.move(event.key === "ArrowDown" ? 1 : -1);
    return true;
  }

  #spanMs() { return Number(this.#span.value) * 1000; }

  #place() {
    this.#slider.value = String(Math.round(STEPS * (1 - (this.#store.now() - this.#atMs) / this.#spanMs())));
    this.#sayWhen();
  }

  #moved() {
    this.#atMs = Math.round(this.#store.now() - this.#spanMs() * (1 - Number(this.#slider.value) / STEPS));
    this.#sayWhen();
    history.replaceState(null, "", `#/time?at=${this.#atMs}`);
    clearTimeout(this.#later);
    this.#later = setTimeout(() => this.#ask(), WAIT_MS);
  }

  #sayWhen() {
    const text = `At ${clock(this.#atMs, this.#store.now())}`;
    say(this.#when, text);
    this.#slider.setAttribute("aria-valuetext", text);
  }

  async #ask() {
    this.#asked?.abort();
    const { signal } = (this.#asked = new AbortController());
    try {
      const rows = [];
      for (let after = ""; after !== null;) {
        const page = await get(`api/past?at=${Math.max(0, this.#atMs)}&limit=${PAGE}${after ? `&after=${encodeURIComponent(after)}` : ""}`, signal);
        rows.push(...page.services);
        after = page.next_after;
      }
      this.#rows = rows;
      this.#fill();
    } catch (problem) {
      if (problem.name !== "AbortError") say(this.#told, problem.message);
    }
  }

  #fill() {
    const rows = this.#rows.map((row) => {
      const now = this.#store.rows.get(row.entity_id)?.state ?? null;
      return { id: row.entity_id, name: row.name, then: row.state, since: row.since_ms, now, differs: row.state !== null && now !== null && row.state !== now };
    });
    rows.sort((one, other) => other.differs - one.differs || rank(one) - rank(other) || (one.name < other.name ? -1 : 1));
    this.#list.set(rows);
    const counts = SERVICE_STATES.map((name) => [name, rows.filter((row) => row.then === name).length]).filter(([, count]) => count);
    const unknown = rows.filter((row) => row.then === null).length;
    const parts = counts.map(([name, count]) => `${count.toLocaleString("en")} ${stateOf(name).long ?? stateOf(name).word}`);
    if (unknown) parts.push(`of ${unknown.toLocaleString("en")} this node has not read back so far`);
    const differing = rows.filter((row) => row.differs).length;
    say(this.#told, `${parts.join(", ")}. ${differing ? `${plural(differing, "service")} ${differing === 1 ? "is" : "are"} in another state now` : "All of these are the same now"}.`);
  }
}

const rank = (row) => (row.then === null ? 9 : stateOf(row.then).rank);

function rowElement() {
  const cell = (name, ...children) => h(`div.${name}`, { role: "gridcell" }, ...children);
  return h("div.row", { role: "row" }, cell("c-state", h("span.glyph", { "aria-hidden": "true" }), h("span.word")),
    cell("c-name", h("a", { tabindex: -1 })), cell("c-since"), cell("c-now", h("span.glyph", { "aria-hidden": "true" }), h("span")));
}

function fill(element, row) {
  const then = row.then === null ? { kind: "none", glyph: "·", word: "not known" } : stateOf(row.then);
  const now = row.now === null ? { kind: "none", glyph: "·", word: "–" } : stateOf(row.now);
  const [state, name, since, present] = element.children;
  element.className = `row t-${then.kind}${element.classList.contains("current") ? " current" : ""}${row.differs ? " differs" : ""}`;
  element.dataset.state = row.then ?? "";
  say(state.firstChild, then.glyph);
  say(state.lastChild, then.word);
  say(name.firstChild, row.name);
  name.firstChild.href = serviceLink(row.name);
  say(since, row.since === null ? "–" : clock(row.since));
  present.className = `c-now t-${now.kind}`;
  say(present.firstChild, row.differs ? now.glyph : "");
  say(present.lastChild, row.differs ? now.word : "the same");
  if (row.now === null || row.then === null) say(present.lastChild, now.word);
}
