// The first page: what is broken, since when, why, and who says so; then everything else.
import { h, say } from "./dom.js";
import { VirtualList } from "./list.js";
import { strip } from "./strip.js";
import { SERVICE_STATES, address, age, clock, plural, response, stateOf } from "./words.js";

const REDRAW_MS = 1000; // ages grow, strips move

export const serviceLink = (name) => `#/service/${encodeURIComponent(name)}`;

export class ServicesPage {
  title = "Services";
  #store; #list; #headline; #chips; #owner; #filter; #none; #timer; #listen;

  constructor(store, { params }) {
    this.#store = store;
    this.states = new Set((params.get("state") ?? "").split(",").filter((name) => SERVICE_STATES.includes(name)));
    this.#list = new VirtualList({
      label: "Services, worst first", build: rowElement,
      update: (element, row) => fill(element, row, this.#store), open: (row) => { location.hash = serviceLink(row.name); },
    });
    this.#headline = h("h1");
    this.#chips = h("div.chips", { role: "group", "aria-label": "Only these states" });
    this.#filter = h("input.filter", { type: "search", placeholder: "Filter: name, address, reason  ( / )", "aria-label": "Filter services",
      spellcheck: "false", autocomplete: "off", value: params.get("q") ?? "" });
    this.#owner = h("select", { "aria-label": "Only of this owner" });
    this.#none = h("p.none", { hidden: true });
    const heads = ["State", "Service", "Why", "Last hour", "For", "Owner", "Answer"];
    this.#list.element.prepend(h("div.heads", { "aria-hidden": "true" }, heads.map((head) => h("span", {}, head))));
    this.element = h("div.page.services", {},
      h("div.head", {}, this.#headline, h("div.tools", {}, this.#chips, this.#owner, this.#filter)),
      this.#none, this.#list.element);
    this.#filter.addEventListener("input", () => this.#changed());
    this.#filter.addEventListener("keydown", (event) => this.#filterKey(event));
    this.#owner.addEventListener("change", () => this.#changed());
    this.#listen = () => this.refresh();
    store.addEventListener("rows", this.#listen);
    this.#timer = setInterval(() => this.#list.draw(), REDRAW_MS);
    this.wantedOwner = params.get("owner") ?? "";
    this.refresh();
  }

  close() {
    clearInterval(this.#timer);
    this.#store.removeEventListener("rows", this.#listen);
    this.#list.close();
  }

  key(event) {
    if (event.key === "/") { this.#filter.focus(); this.#filter.select(); return true; }
    if (event.key === "Escape" && (this.#filter.value || this.states.size || this.#owner.value)) {
      this.#clear();
      return true;
    }
    if (["ArrowDown", "ArrowUp", "j", "k"].includes(event.key)) {
      this.#list.element.focus({ preventScroll: true });
      this.#list.move(event.key === "ArrowDown" || event.key === "j" ? 1 : -1);
      return true;
    }
    return false;
  }

  refresh() {
    this.#fillOwners();
    const counts = this.#store.counts();
    this.#fillChips(counts);
    this.#sayHeadline(counts);
    const words = this.#filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const owner = this.#owner.value;
    const shown = [];
    for (const row of this.#store.rows.values()) {
      if (this.states.size && !this.states.has(row.state)) continue;
      if (owner && row.owner !== owner) continue;
      if (words.every((word) => row.search.includes(word))) shown.push(row);
    }
    shown.sort(worstFirst);
    this.#list.set(shown);
    this.#none.hidden = shown.length > 0;
    say(this.#none, !this.#store.loaded ? "Reading the services…"
      : this.#store.rows.size ? "No service matches. Esc shows all of them."
        : "No service is configured yet: watchbill apply -f cluster.yaml");
  }

  #sayHeadline(counts) {
    const all = this.#store.rows.size;
    const { DOWN: down = 0, UNKNOWN: unknown = 0 } = counts;
    const text = !this.#store.loaded ? "Services"
      : down ? `${plural(down, "service")} of ${all.toLocaleString("en")} ${down === 1 ? "is" : "are"} down`
        : unknown ? `Nothing is down; ${plural(unknown, "service")} of ${all.toLocaleString("en")} unknown`
          : all ? `All ${all.toLocaleString("en")} services are as they should be` : "No services";
    say(this.#headline, text);
    this.#headline.className = down ? "is-down" : unknown ? "is-unknown" : "";
    document.title = down ? `▼ ${down} down – Watchbill` : "Watchbill";
  }

  #fillChips(counts) {
    if (!this.#chips.childElementCount) {
      for (const name of SERVICE_STATES) {
        const { glyph, word, kind, long } = stateOf(name);
        this.#chips.append(h(`button.chip.t-${kind}`, { type: "button", "data-state": name, title: long ?? word.toLowerCase(),
          onclick: () => { this.states.has(name) ? this.states.delete(name) : this.states.add(name); this.#changed(); } },
        h("span.glyph", { "aria-hidden": "true" }, glyph), `${word} `, h("b", {}, "0")));
      }
    }
    for (const chip of this.#chips.children) {
      const count = counts[chip.dataset.state] ?? 0;
      say(chip.querySelector("b"), count.toLocaleString("en"));
      chip.classList.toggle("zero", count === 0);
      chip.setAttribute("aria-pressed", this.states.has(chip.dataset.state));
    }
  }

  #fillOwners() {
    const names = [...this.#store.owners().keys()].sort();
    const chosen = this.#owner.childElementCount ? this.#owner.value : this.wantedOwner;
    if (chosen && !names.includes(chosen)) names.push(chosen);
    const wanted = ["", ...names].join("\n");
    if (this.#owner.dataset.names === wanted) return;
    this.#owner.dataset.names = wanted;
    this.#owner.replaceChildren(h("option", { value: "" }, "any owner"), ...names.map((name) => h("option", { value: name }, name)));
    this.#owner.value = chosen;
  }

  #filterKey(event) {
    if (event.key === "Escape") {
      this.#filter.value = "";
      this.#changed();
      this.#list.element.focus({ preventScroll: true });
    } else if (event.key === "ArrowDown" || event.key === "Enter") {
      this.#list.element.focus({ preventScroll: true });
      if (this.#list.current === null || event.key === "ArrowDown") this.#list.move(1);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #clear() {
    this.#filter.value = "";
    this.#owner.value = "";
    this.states.clear();
    this.#changed();
  }

  // What is chosen stands in the address: a reload and a link keep it.
  #changed() {
    const params = new URLSearchParams();
    if (this.#filter.value) params.set("q", this.#filter.value);
    if (this.states.size) params.set("state", [...this.states].join(","));
    if (this.#owner.value) params.set("owner", this.#owner.value);
    const query = params.toString();
    history.replaceState(null, "", `#/services${query ? `?${query}` : ""}`);
    this.refresh();
  }
}

function worstFirst(one, other) {
  const rank = stateOf(one.state).rank - stateOf(other.state).rank;
  if (rank !== 0) return rank;
  if (one.state !== "UP" && one.since_ms !== other.since_ms) return (other.since_ms ?? 0) - (one.since_ms ?? 0);
  return one.name < other.name ? -1 : one.name > other.name ? 1 : 0;
}

function rowElement(row) {
  const cell = (name, ...children) => h(`div.${name}`, { role: "gridcell" }, ...children);
  return h("div.row", { role: "row" },
    cell("c-state", h("span.glyph", { "aria-hidden": "true" }), h("span.word")),
    cell("c-name", h("a", { tabindex: -1 }), h("span.addr")),
    cell("c-why"), cell("c-strip"), cell("c-since", h("span"), h("span.addr")), cell("c-owner"), cell("c-answer"));
}

function why(row, explained) {
  if (row.doubt !== null) return `its owner doubts itself: ${row.doubt} is asked for a second opinion`;
  if (row.state === "UP") return "";
  return explained.length ? `because of ${explained.join(" and ")}; ${row.reason}` : row.reason;
}

function fill(element, row, store) {
  const nowMs = store.now();
  const { kind, glyph, word } = stateOf(row.state);
  const [state, name, reason, strips, since, owner, answer] = element.children;
  element.className = `row t-${kind}${element.classList.contains("current") ? " current" : ""}`;
  element.dataset.state = row.state;
  say(state.firstChild, glyph);
  say(state.lastChild, word);
  say(name.firstChild, row.name);
  name.firstChild.href = serviceLink(row.name);
  say(name.lastChild, address(row.address, row.port));
  say(reason, why(row, store.explained(row)));
  reason.title = row.reason;
  say(since.firstChild, row.since_ms === null ? "–" : age(nowMs - row.since_ms));
  say(since.lastChild, row.since_ms === null ? "" : clock(row.since_ms, nowMs));
  say(owner, row.owner ?? "–");
  say(answer, row.state === "UP" ? response(row.response_time_us) : "–");
  const mark = `${row.steps.length}:${row.steps.at(-1)?.[0]}:${Math.floor(nowMs / 5000)}`;
  if (strips.dataset.mark !== mark) {
    strips.dataset.mark = mark;
    strips.replaceChildren(strip(row.steps, nowMs, { width: 200 }));
  }
}
