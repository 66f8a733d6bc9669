// What the page knows: the rows of all services and the node's last pulse, as the feed tells them.
//
// Rule: a whole is gathered beside what is shown and put in its place when it is complete, so that a reconnection never
// empties the screen. Times are the node's: a browser's clock may be an hour off.

export class Store extends EventTarget {
  rows = new Map();
  pulse = null;
  live = false;
  barred = false; // the node wants another token than this browser gave
  heardAt = null; // of this browser's clock
  skewMs = 0; // the node's clock minus this one's
  #gathering = null;
  #loaded = false;

  get loaded() { return this.#loaded; }

  now() { return Date.now() + this.skewMs; }

  whole(body) {
    this.#gathering = new Map();
    this.beat(body);
  }

  services({ rows, gone }) {
    const target = this.#gathering ?? this.rows;
    const changed = [];
    for (const row of rows) {
      const before = this.rows.get(row.id);
      row.search = `${row.name} ${row.address}:${row.port} ${row.owner ?? ""} ${row.reason}`.toLowerCase();
      if (before !== undefined && before.state !== row.state) changed.push(row);
      target.set(row.id, row);
    }
    for (const id of gone) target.delete(id);
    if (this.#gathering === null) this.#tell("rows", { rows, gone, changed });
  }

  ready() {
    if (this.#gathering !== null) this.rows = this.#gathering;
    this.#gathering = null;
    this.#loaded = true;
    this.#tell("rows", { rows: null, gone: [], changed: [] });
  }

  beat(body) {
    this.pulse = body;
    this.heardAt = Date.now();
    this.skewMs = body.now_ms - this.heardAt;
    this.setLive(true);
    this.#tell("pulse", body);
  }

  setBarred(barred) {
    this.barred = barred;
    this.#tell("live", this.live);
  }

  setLive(live) {
    if (live) this.barred = false;
    if (this.live === live) return;
    this.live = live;
    this.#tell("live", live);
  }

  byName(name) {
    for (const row of this.rows.values()) if (row.name === name) return row;
    return null;
  }

  // The names of what explains that a service is DOWN: of all that it depends on, what is DOWN and depends on nothing that is.
  explained(row) {
    if (row.state !== "DOWN" || !row.needs?.length) return [];
    const down = this.#below(row).filter((each) => each.state === "DOWN");
    return down.filter((each) => !this.#below(each).some((other) => other.state === "DOWN")).map((each) => each.name);
  }

  #below(row) {
    const found = new Set(row.needs ?? []);
    for (const id of found) for (const further of this.rows.get(id)?.needs ?? []) found.add(further); // a Set grows as it is walked
    found.delete(row.id);
    return [...found].map((id) => this.rows.get(id)).filter(Boolean);
  }

  counts() {
    const counts = {};
    for (const row of this.rows.values()) counts[row.state] = (counts[row.state] ?? 0) + 1;
    return counts;
  }

  owners() {
    const owners = new Map();
    for (const { owner, state } of this.rows.values()) {
      if (owner === null) continue;
      const one = owners.get(owner) ?? { services: 0, down: 0 };
      one.services += 1;
      if (state === "DOWN") one.down += 1;
      owners.set(owner, one);
    }
    return owners;
  }

  #tell(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
}
