// The nodes: which serve, what each carries, and which are silent.
import { h } from "./dom.js";
import { age, plural } from "./words.js";

const SILENT_S = 3;

export class NodesPage {
  title = "Nodes";
  #store; #listen; #headline; #cards;

  constructor(store) {
    this.#store = store;
    this.#headline = h("h1");
    this.#cards = h("div.cards");
    this.element = h("div.page", {}, this.#headline, this.#cards);
    this.#listen = () => this.refresh();
    for (const name of ["pulse", "rows"]) store.addEventListener(name, this.#listen);
    this.refresh();
  }

  close() { for (const name of ["pulse", "rows"]) this.#store.removeEventListener(name, this.#listen); }

  key() { return false; }

  refresh() {
    const { pulse } = this.#store;
    if (pulse === null) return;
    const owners = this.#store.owners();
    const serving = pulse.nodes.filter((node) => node.in_view);
    this.#headline.textContent = `${plural(serving.length, "node")} ${serving.length === 1 ? "serves" : "serve"} under view ${pulse.view.view_id}`;
    const most = Math.max(1, ...[...owners.values()].map((one) => one.services));
    const cards = pulse.nodes.map((node) => this.#card(node, owners.get(node.node_id) ?? { services: 0, down: 0 }, most));
    this.#cards.replaceChildren(...cards);
  }

  #card(node, owned, most) {
    const { pulse } = this.#store;
    const silent = node.silent_s > SILENT_S && node.phase !== "LEFT";
    const [kind, word] = !node.in_view ? (node.phase === "LEFT" ? ["out", "LEFT"] : ["unknown", node.phase === "SERVING" ? "NOT IN VIEW" : node.phase])
      : silent ? ["down", "SILENT"] : node.suspect ? ["unknown", "SUSPECT"] : ["up", node.phase];
    const own = node.node_id === pulse.node_id;
    const bar = h("div.bar", { role: "img", "aria-label": `${plural(owned.services, "service")}` }, h("div.fill"), h("div.fill.bad"));
    bar.children[0].style.width = `${(owned.services / most) * 100}%`;
    bar.children[1].style.width = `${(owned.down / most) * 100}%`;
    const facts = [
      ["heartbeat", node.silent_s < 10 ? `${node.silent_s.toFixed(1)} s ago` : `${age(node.silent_s * 1000)} ago`], ["up for", age(this.#store.now() - node.started_at_ms)],
      ["view", node.view_id === pulse.view.view_id ? `${node.view_id}` : `${node.view_id}, others hold ${pulse.view.view_id}`],
      ["partitions", node.partitions], ["engines", own ? `${pulse.engines} of ${node.engines} run` : node.engines], ["version", node.version],
      node.suspect ? ["suspects", "itself: most of what it probes fails, so others are asked before DOWN"] : null,
      node.missing.length ? ["waits for", node.missing.join(", ")] : null,
      own ? ["probes late by", pulse.lag_ms === null ? "–" : `${pulse.lag_ms} ms`] : null,
      own ? ["lease", pulse.lease_held ? "held" : "not held: it tells nothing"] : null,
      own && pulse.outbox_pending ? ["waiting to be written", pulse.outbox_pending] : null,
    ].filter(Boolean);
    return h("section.card", { "aria-label": `node ${node.node_id}` },
      h("h2", {}, node.node_id, h(`span.badge.t-${kind}`, {}, word), own ? h("span.dim", {}, "this page's") : null),
      h("p", {}, h("a", { href: `#/services?owner=${encodeURIComponent(node.node_id)}` }, `owns ${plural(owned.services, "service")}`),
        owned.down ? h("span.t-down", {}, `, ${owned.down} down`) : null), bar,
      h("dl.facts", {}, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))])),
      node.web_url && !own && !silent && node.phase !== "LEFT" ? h("p", {}, h("a", { href: `${node.web_url}/` }, "its own dashboard")) : null);
  }
}
