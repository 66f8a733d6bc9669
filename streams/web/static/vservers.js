// The vservers: how much of each is up, which nodes can process its traffic, and where the others send it.
import { get, h } from "./dom.js";
import { plural } from "./words.js";

const AGAIN_MS = 5000;

export class VserversPage {
  title = "Vservers";
  #body; #timer; #asked = null;

  constructor() {
    this.#body = h("div", {}, h("p.none", {}, "Reading the vservers…"));
    this.element = h("div.page", {}, h("h1", {}, "Vservers"), h("p.lead", {}, "A vserver sends traffic to its services. Its processing set are the nodes that reach them; traffic that comes to another node is sent on to one of these."), this.#body);
    this.#timer = setInterval(() => this.#ask(), AGAIN_MS);
    this.#ask();
  }

  close() {
    clearInterval(this.#timer);
    this.#asked?.abort();
  }

  key() { return false; }

  async #ask() {
    this.#asked?.abort();
    const { signal } = (this.#asked = new AbortController());
    try {
      this.#show((await get("api/vservers", signal)).vservers);
    } catch (problem) {
      if (problem.name !== "AbortError" && this.#body.querySelector(".none")) this.#body.replaceChildren(h("p.none", {}, problem.message));
    }
  }

  #show(vservers) {
    if (!vservers.length) {
      this.#body.replaceChildren(h("p.none", {}, "No vserver is configured."));
      return;
    }
    const heads = ["Vserver", "Up", "Processing set", "Sent on", "Method"];
    this.#body.replaceChildren(h("div.scroll", {}, h("table.plain", {},
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, vservers.map((each) => row(each))))));
  }
}

function row(vserver) {
  const kind = !vserver.enabled || !vserver.service_count ? "out" : vserver.up === 0 ? "down" : vserver.up < vserver.service_count ? "unknown" : "up";
  const glyph = { out: "■", down: "▼", unknown: "◆", up: "▲" }[kind];
  const sent = Object.entries(vserver.redirects).map(([from, to]) => (to === null ? `${from}: nobody can take it` : `${from} → ${to}`));
  return h("tr", {},
    h("td", {}, h("b", {}, vserver.name), h("div.dim", {}, vserver.address === null ? "" : `${vserver.address}:${vserver.port ?? ""}`)),
    h(`td.t-${kind}`, {}, h("span.glyph", { "aria-hidden": "true" }, glyph), ` ${vserver.enabled ? `${vserver.up} of ${plural(vserver.service_count, "service")}` : "disabled"}`),
    h("td", {}, members(vserver.processing_set)),
    h("td", {}, sent.length ? sent.join(", ") : h("span.dim", {}, "nothing")),
    h("td.dim", {}, vserver.method ?? "–"));
}

export function members(nodes) {
  return nodes.length ? h("span.members", {}, nodes.map((node) => h("span.member", {}, node))) : h("span.t-down", {}, "no node");
}
