// One service: the whole chain from probes to the state, with every value and the record it came from.
import { get, h } from "./dom.js";
import { HOUR_MS, strip, told } from "./strip.js";
import { address, age, clock, iso, response, stateOf } from "./words.js";

const AGAIN_MS = 5000;

export class ServicePage {
  #store; #name; #body; #timer; #listen; #asked = null; #row = null;

  constructor(store, { place }) {
    this.#store = store;
    this.#name = place;
    this.title = place;
    this.#body = h("div");
    this.element = h("div.page.service", {}, h("p.back", {}, h("a", { href: "#/services" }, "← all services")), this.#body);
    this.#listen = ({ detail }) => {
      if (detail.rows === null || detail.rows.some((row) => row.name === place)) this.#ask();
    };
    store.addEventListener("rows", this.#listen);
    this.#timer = setInterval(() => this.#ask(), AGAIN_MS);
    this.#ask();
  }

  close() {
    clearInterval(this.#timer);
    this.#asked?.abort();
    this.#store.removeEventListener("rows", this.#listen);
  }

  key(event) {
    if (event.key !== "Escape") return false;
    location.hash = "#/services";
    return true;
  }

  async #ask() {
    this.#asked?.abort();
    const { signal } = (this.#asked = new AbortController());
    const name = encodeURIComponent(this.#name);
    try {
      const [service, history] = await Promise.all([
        get(`api/services/${name}`, signal), get(`api/transitions?service=${name}&limit=30`, signal)]);
      this.#show(service, history.transitions);
    } catch (problem) {
      if (problem.name !== "AbortError") this.#lack(problem);
    }
  }

  #lack(problem) {
    if (this.#row === null) this.#body.replaceChildren(h("h1", {}, this.#name), h("p.none", {}, problem.message));
  }

  #show(service, history) {
    this.#row = service;
    const nowMs = this.#store.now();
    const { kind, glyph, word, long } = stateOf(service.state);
    const steps = this.#store.byName(this.#name)?.steps ?? [];
    const open = new Set([...this.#body.querySelectorAll("details[open]")].map((each) => each.dataset.key));
    this.#body.replaceChildren(...[
      h("div.title", {}, h("h1", {}, service.name),
        h(`span.badge.t-${kind}`, {}, h("span.glyph", { "aria-hidden": "true" }, glyph), ` ${long ?? word}`),
        h("span.dim", {}, address(service.address, service.port))),
      h(`p.because.t-${kind}`, {}, because(service, nowMs)),
      h("section.wide", { "aria-label": "The last hour" }, strip(steps, nowMs, { width: 1200, height: 40 }),
        h("p.axis", {}, h("span", {}, "1 h ago"), h("span", {}, told(steps, nowMs, HOUR_MS)), h("span", {}, "now"))),
      bindings(service, nowMs, open), onNodes(service), proof(service), changes(history, nowMs), inline(service, nowMs), rest(service, open),
    ].filter(Boolean));
  }
}

// The explanation in a sentence or three: who says it, by what right, and from what.
function because(service, nowMs) {
  if (service.owner === null) return "Nobody has told of it yet: it has no owner, or its owner has not probed it.";
  const since = service.since_ms === null ? "" : ` since ${clock(service.since_ms, nowMs)} (${age(nowMs - service.since_ms)})`;
  const need = service.threshold ? `${service.threshold} needed` : "every monitor needed";
  return `${service.owner} owns it under view ${service.view_id} and says ${service.state}${since}. `
    + `Weight up ${service.up_weight}, ${need}. ${service.cause.text}.${others(service)}`;
}

function others({ doubt, explained_by: explained, depends_on: needs }) {
  const parts = [];
  if (doubt) parts.push(` Its owner doubts itself and has asked ${doubt.asked} for a second opinion.`);
  if (explained?.length) parts.push(` It is DOWN because ${explained.join(" and ")} ${explained.length === 1 ? "is" : "are"}.`);
  if (needs?.length) parts.push(` It depends on ${needs.map((each) => `${each.name} (${each.state})`).join(", ")}.`);
  return parts.join("");
}

function bindings(service, nowMs, open) {
  const rows = service.bindings.map((one) => {
    const { kind, glyph, word } = stateOf(one.state);
    const notes = [!one.enabled && "disabled", one.shadow && "shadow", !one.counts && !one.shadow && one.enabled && "never counts", one.slow && "slow"];
    return h("tr", {},
      h("td", {}, h("b", {}, one.monitor), h("div.dim", {}, [one.type, ...notes.filter(Boolean)].join(", "))),
      h(`td.t-${kind}`, {}, h("span.glyph", { "aria-hidden": "true" }, glyph), ` ${word}`),
      h("td.num", {}, one.weight), h("td.num", {}, response(one.response_time_us)),
      h("td", {}, beats(one.outcomes)),
      h("td.say", {}, one.reason === null || one.reason === "OK" ? h("span.dim", {}, one.reason ?? "–") : h("b", {}, one.reason), one.detail ? ` ${one.detail}` : "",
        one.failures.length ? failures(one, nowMs, open) : null),
      h("td.num", {}, one.last_at_ms === null ? "–" : age(nowMs - one.last_at_ms)));
  });
  const heads = ["Monitor", "State", "Weight", "Answer", "Last probes, newest right", "Says", "Ago"];
  return h("section", {}, h("h2", {}, "Monitors"), rows.length
    ? h("div.scroll", {}, h("table", {}, h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))), h("tbody", {}, rows)))
    : h("p.none", {}, "No monitor is bound to it: nothing can say whether it is up."));
}

function failures(one, nowMs, open) {
  const key = `failures-${one.monitor_id}`;
  return h("details", { "data-key": key, open: open.has(key) }, h("summary", {}, `last failures (${one.failures.length})`),
    h("ul", {}, one.failures.map((each) => h("li", {}, h("time", { datetime: iso(each.at_ms) }, clock(each.at_ms, nowMs)), ` ${each.reason} ${each.detail}`))));
}

function beats(outcomes) {
  const last = [...outcomes.slice(0, 40)].reverse();
  const failed = last.filter((each) => each === "-").length;
  return h("span.beats", { role: "img", "aria-label": `${failed} of the last ${last.length} probes failed` },
    last.map((each) => h(each === "-" ? "i.bad" : "i")));
}

function proof(service) {
  if (service.owner === null) return null;
  const { cause } = service;
  const record = cause.topic === null ? "no record" : `${cause.topic} / ${cause.partition} @ ${cause.offset}`;
  return h("section", {}, h("h2", {}, "Proof"), h("dl.facts", {}, [
    ["told by", `${service.owner}, incarnation ${service.incarnation}`],
    ["under view", `${service.view_id}, sequence ${service.sequence}`],
    ["because of", `${cause.kind}: ${cause.text}`],
    ["the record that made it so", h("code", {}, record)],
    ["told at", service.updated_at],
    ["path of its owner", service.path_state],
    ["knowledge is", service.age_s === null ? "of unknown age" : `${service.age_s.toFixed(1)} s old`],
    ["raw", h("a", { href: `api/services/${encodeURIComponent(service.name)}` }, "this service as JSON")],
  ].filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])));
}

function changes(history, nowMs) {
  if (!history.length) return h("section", {}, h("h2", {}, "Changes"), h("p.none", {}, "None in what this node has read back."));
  return h("section", {}, h("h2", {}, "Changes"), h("ol.changes", {}, history.map((each) => {
    const { kind, glyph } = stateOf(each.after);
    const record = each.cause.topic === null ? "" : `${each.cause.topic}/${each.cause.partition}@${each.cause.offset}`;
    return h("li", {}, h("time", { datetime: iso(each.at_ms) }, clock(each.at_ms, nowMs)),
      h(`span.t-${kind}`, {}, h("span.glyph", { "aria-hidden": "true" }, glyph), ` ${each.before} → ${each.after}`),
      h("span", {}, each.cause.text), h("span.dim", {}, `${each.owner}, view ${each.view_id}`), h("code.dim", {}, record));
  })));
}

// Node by node: who reaches it, by which state each serves, and where traffic goes that comes to one which does not.
function onNodes(service) {
  if (!service.nodes?.length) return null;
  const monitored = service.path_monitoring !== "OFF";
  const rows = service.nodes.map((each) => {
    const { kind, glyph, word } = stateOf(each.state);
    const path = stateOf(each.path);
    return h("tr", {}, h("td", {}, h("b", {}, each.node)),
      h(`td.t-${monitored ? path.kind : "none"}`, {}, monitored ? [h("span.glyph", { "aria-hidden": "true" }, path.glyph), ` ${path.word}`] : "not monitored"),
      h(`td.t-${kind}`, {}, h("span.glyph", { "aria-hidden": "true" }, glyph), ` ${word}`),
      h("td", {}, each.redirect === null ? h("span.dim", {}, service.processing_set.includes(each.node) ? "processes it" : "nobody can take it") : `sends it to ${each.redirect}`));
  });
  return h("section", {}, h("h2", {}, "On each node"), h("div.scroll", {}, h("table.plain", {},
    h("thead", {}, h("tr", {}, ["Node", "Path", "Serves by", "Traffic"].map((head) => h("th", { scope: "col" }, head)))), h("tbody", {}, rows))));
}

function inline(service, nowMs) {
  if (!service.inline?.length) return null;
  return h("section", {}, h("h2", {}, "Real traffic, as this node was told"), h("ul", {}, service.inline.map((one) =>
    h("li", {}, `${one.monitor}: ${one.state}, ${one.successes} good, ${one.failures} bad, ${one.reason} ${one.detail}`,
      one.told_at_ms === null ? "" : `, told ${age(nowMs - one.told_at_ms)} ago`))));
}

function rest(service, open) {
  const facts = ["entity_id", "kind", "enabled", "health_monitor", "path_monitor", "node_groups", "domain", "load", "mss", "layer_two", "ttl_s", "due_at"];
  const shown = facts.filter((name) => service[name] !== null && service[name] !== undefined);
  return h("details", { "data-key": "rest", open: open.has("rest") }, h("summary", {}, "Everything else"),
    h("dl.facts", {}, shown.map((name) => [h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, typeof service[name] === "object" ? JSON.stringify(service[name]) : String(service[name]))])));
}
