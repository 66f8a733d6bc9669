// The connection to the node: server-sent events into the store, and the page's own watch over it.
//
// Rule: a browser comes back by itself after a break; one that was refused (a full node, an end of the node) does not,
// so the feed opens anew. Silence counts as a break: a pulse is due every second. An event source does not say why it
// was refused; the same question once more does, and of a token that no longer holds the page must tell.

const SILENT_MS = 3500;
const AGAIN_MS = 1500;

export class Feed {
  #store;
  #source = null;
  #again = null;

  constructor(store) {
    this.#store = store;
    setInterval(() => this.#look(), 500);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.#look(); });
    this.#open();
  }

  #open() {
    this.#source?.close();
    this.#again = null;
    const source = (this.#source = new EventSource("api/events"));
    const on = (name, take) => source.addEventListener(name, (event) => take(JSON.parse(event.data)));
    on("whole", (body) => this.#store.whole(body));
    on("services", (body) => this.#store.services(body));
    on("ready", () => this.#store.ready());
    on("pulse", (body) => this.#store.beat(body));
    source.addEventListener("error", () => {
      this.#store.setLive(false);
      if (source.readyState !== EventSource.CLOSED) return;
      this.#later();
      this.#askWhy();
    });
  }

  async #askWhy() {
    try {
      const { status } = await fetch("api/events", { method: "HEAD" });
      this.#store.setBarred(status === 401);
    } catch {
      this.#store.setBarred(false); // nobody answers: that is no refusal
    }
  }

  #look() {
    const { heardAt, live } = this.#store;
    if (live && heardAt !== null && Date.now() - heardAt > SILENT_MS) {
      this.#store.setLive(false);
      this.#later();
    }
  }

  #later() {
    this.#again ??= setTimeout(() => this.#open(), AGAIN_MS);
  }
}
