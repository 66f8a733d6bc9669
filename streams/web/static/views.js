// The views of the cluster over time: who served, who came and went, and how much moved.
import { get, h } from "./dom.js";
import { age, clock, iso, plural } from "./words.js";

export class ViewsPage {
  title = "Views";
  #store; #listen; #body; #held = null; #failed = false;

  constructor(store) {
    this.#store = store;
    this.#body = h("div", {}, h("p.none", {}, "Reading the views…"));
    this.element = h("div.page", {}, h("h1", {}, "Views"), h("p.lead", {}, "A view is a set of nodes that serve. Its id is the offset of its record in Kafka, so everyone counts alike; a proposal that lost a race is shown with the reason."), this.#body);
    this.#listen = () => { if (this.#failed || store.pulse?.view.view_id !== this.#held) this.#ask(); };
    store.addEventListener("pulse", this.#listen);
    this.#ask();
  }

  close() { this.#store.removeEventListener("pulse", this.#listen); }

  key() { return false; }

  async #ask() {
    this.#held = this.#store.pulse?.view.view_id ?? null;
    try {
      const answer = await get("api/views?limit=200");
      this.#failed = false;
      this.#show(answer);
    } catch {
      this.#failed = true; // the next pulse asks again
    }
  }

  #show({ held, views, accepted, refused }) {
    const nowMs = this.#store.now();
    const inForce = views.filter((view) => view.accepted);
    const before = new Map(inForce.map((view, at) => [view.offset, inForce[at + 1]]));
    this.#body.replaceChildren(h("p.dim", {}, `${plural(accepted, "view")} were in force, ${plural(refused, "proposal")} refused`),
      h("ol.views", {}, views.map((view) => viewItem(view, before.get(view.offset), view.offset === held.view_id, nowMs))));
  }
}

function viewItem(view, before, isHeld, nowMs) {
  const ids = (one) => one.members.map((member) => member.node_id);
  const run = (one) => new Map(one.members.map((member) => [member.node_id, member.incarnation]));
  const old = before ? run(before) : new Map();
  const came = ids(view).filter((id) => !old.has(id));
  const anew = ids(view).filter((id) => old.has(id) && old.get(id) !== run(view).get(id));
  const wasLeaving = new Set(before ? before.members.filter((one) => one.leaving).map((one) => one.node_id) : []);
  const leaving = view.members.filter((one) => one.leaving).map((one) => one.node_id);
  const leaves = leaving.filter((id) => !wasLeaving.has(id));
  const went = [...old.keys()].filter((id) => !run(view).has(id));
  const moves = [came.length && `joined: ${came.join(", ")}`, anew.length && `restarted: ${anew.join(", ")}`, leaves.length && `gives its services away: ${leaves.join(", ")}`, went.length && `left: ${went.join(", ")}`].filter(Boolean);
  const moved = view.moved_partitions === null || view.moved_partitions === undefined ? null : `${view.moved_partitions} of 64 partitions moved`;
  return h(`li${view.accepted ? "" : ".refused"}${isHeld ? ".held" : ""}`, {},
    h("div", {}, h("b", {}, `view ${view.offset}`), isHeld ? h("span.badge.t-up", {}, "in force") : view.accepted ? null : h("span.badge.t-out", {}, "refused")),
    h("time.dim", { datetime: view.proposed_at_ms === null ? null : iso(view.proposed_at_ms) }, `${clock(view.proposed_at_ms, nowMs)}, ${age(nowMs - view.proposed_at_ms)} ago`),
    h("div", {}, h("span.members", {}, ids(view).map((id) => h(`span.member${came.includes(id) || anew.includes(id) ? ".came" : leaving.includes(id) ? ".leaving" : ""}`, leaving.includes(id) ? { title: `${id} is leaving` } : {}, id)), went.map((id) => h("span.member.went", { title: `${id} left` }, id)))),
    h("div.dim", {}, view.accepted ? [moves.join("; "), moved].filter(Boolean).join("; ") || "the first" : view.why, `; proposed by ${view.proposer}`));
}
