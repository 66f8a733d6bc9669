// A list of any length in a window: only what is seen has elements, so ten thousand rows scroll like forty.
//
// Rule: rows have one height, read from the style sheet; an element stays with its row while it is seen, so that an
// update changes cells, not elements. The list has the focus and names the current row (aria-activedescendant).
import { h } from "./dom.js";

const SPARE = 6;

export class VirtualList {
  #rows = [];
  #shown = new Map(); // id -> {element, row}
  #build; #update; #open;
  #current = null;
  #frame = 0;

  // build(row) makes an element, update(element, row) fills it, open(row) is Enter or a click.
  constructor({ label, build, update, open }) {
    this.#build = build; this.#update = update; this.#open = open;
    this.space = h("div.space", { role: "presentation" });
    this.element = h("div.list", { role: "grid", tabindex: 0, "aria-label": label, "aria-readonly": "true" }, this.space);
    this.element.addEventListener("scroll", () => this.draw(), { passive: true });
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("click", (event) => this.#click(event));
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.element);
  }

  get current() { return this.#current; }

  get length() { return this.#rows.length; }

  close() { this.resized.disconnect(); cancelAnimationFrame(this.#frame); }

  set(rows) {
    this.#rows = rows;
    this.element.setAttribute("aria-rowcount", rows.length);
    this.draw();
  }

  draw() {
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => { this.#frame = 0; this.#paint(); });
  }

  select(id) {
    this.#current = id;
    this.draw();
  }

  move(by) {
    const at = this.#rows.findIndex((row) => row.id === this.#current);
    this.#goTo(at >= 0 ? at + by : by > 0 ? 0 : this.#rows.length - 1);
  }

  #goTo(wanted) {
    if (!this.#rows.length) return;
    const at = Math.min(Math.max(wanted, 0), this.#rows.length - 1);
    this.#current = this.#rows[at].id;
    this.#reveal(at);
    this.draw();
  }

  #height() { return parseFloat(getComputedStyle(this.element).getPropertyValue("--row")) || 44; }

  #paint() {
    const tall = this.#height();
    this.space.style.height = `${this.#rows.length * tall}px`;
    const first = Math.max(0, Math.floor(this.element.scrollTop / tall) - SPARE);
    const last = Math.min(this.#rows.length, Math.ceil((this.element.scrollTop + this.element.clientHeight) / tall) + SPARE);
    const seen = new Set();
    for (let at = first; at < last; at += 1) {
      const row = this.#rows[at];
      seen.add(row.id);
      this.#place(row, at, tall);
    }
    for (const [id, { element }] of this.#shown) {
      if (!seen.has(id)) { element.remove(); this.#shown.delete(id); }
    }
    const active = this.#shown.get(this.#current)?.element.id;
    if (active) this.element.setAttribute("aria-activedescendant", active);
    else this.element.removeAttribute("aria-activedescendant");
  }

  #place(row, at, tall) {
    let known = this.#shown.get(row.id);
    if (known === undefined) {
      const element = this.#build(row);
      element.id = `row-${row.id}`;
      element.dataset.id = row.id;
      this.space.append(element);
      known = { element };
      this.#shown.set(row.id, known);
    }
    this.#update(known.element, row);
    known.element.style.transform = `translateY(${at * tall}px)`;
    known.element.setAttribute("aria-rowindex", at + 1);
    known.element.classList.toggle("current", row.id === this.#current);
    known.element.setAttribute("aria-selected", row.id === this.#current);
  }

  #reveal(at) {
    const tall = this.#height();
    const top = this.element.scrollTop;
    const room = this.element.clientHeight - this.space.offsetTop; // the heads stay above
    if (at * tall < top) this.element.scrollTop = at * tall;
    else if ((at + 1) * tall > top + room) this.element.scrollTop = (at + 1) * tall - room;
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.#height()) - 1);
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page }[event.key];
    const to = { Home: 0, End: this.#rows.length - 1 }[event.key];
    if (by !== undefined || to !== undefined) {
      event.preventDefault();
      if (by !== undefined) this.move(by);
      else this.#goTo(to);
    } else if (event.key === "Enter" && this.#current !== null) {
      event.preventDefault();
      const row = this.#rows.find((each) => each.id === this.#current);
      if (row) this.#open(row);
    }
  }

  #click(event) {
    if (event.target.closest("a") || !getSelection().isCollapsed) return;
    const id = event.target.closest("[data-id]")?.dataset.id;
    const row = this.#rows.find((each) => each.id === id);
    if (row) this.#open(row);
  }
}
