// The frame of the page: which page is shown, who tells it and how old that is, keys and colours.
import { h, say } from "./dom.js";
import { Feed } from "./feed.js";
import { NodesPage } from "./nodes.js";
import { PastPage } from "./past.js";
import { ServicePage } from "./service.js";
import { ServicesPage } from "./services.js";
import { Store } from "./store.js";
import { ViewsPage } from "./views.js";
import { VserversPage } from "./vservers.js";
import { age, clock, plural, stateOf } from "./words.js";

// A row a page: its address behind #/, its name in the navigation (none: it is reached otherwise), its key.
const PAGES = [
  { path: "services", name: "Services", key: "1", Page: ServicesPage },
  { path: "vservers", name: "Vservers", key: "2", Page: VserversPage },
  { path: "nodes", name: "Nodes", key: "3", Page: NodesPage },
  { path: "views", name: "Views", key: "4", Page: ViewsPage },
  { path: "time", name: "Time", key: "5", Page: PastPage },
  { path: "service", Page: ServicePage },
];
const OLD_S = 3;
const NAMED = 3; // services named in one announcement

const part = (id) => document.getElementById(id);
const store = new Store();
let page = null;

function show() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [first, ...places] = path.split("/");
  const { Page, name } = PAGES.find((each) => each.path === first) ?? PAGES[0];
  page?.close();
  page = new Page(store, { place: decodeURIComponent(places.join("/")), params: new URLSearchParams(query) });
  part("main").replaceChildren(page.element);
  if (Page !== ServicesPage) document.title = `${page.title} – Watchbill`;
  for (const link of part("nav").children) {
    if (link.textContent === (name ?? "Services")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  part("main").focus({ preventScroll: true });
}

// Who tells, under which view, how old: and, if something is wrong with that, so that nobody can overlook it.
function tellWho() {
  const { pulse, live, barred, heardAt } = store;
  if (pulse === null) {
    say(part("teller"), "connecting…");
    return;
  }
  const parts = [`told by ${pulse.node_id}`, `view ${pulse.view.view_id}`, live ? "live" : "not live"];
  say(part("teller"), parts.join(" · "));
  part("teller").className = `teller ${live && pulse.kafka.connected ? "is-live" : "is-old"}`;
  const alarms = [];
  if (!live && barred) alarms.push(`${pulse.node_id} wants another token than this browser gave: reload this page, which asks for it. What you see is of ${clock(heardAt + store.skewMs)}, ${age(Date.now() - heardAt)} ago.`);
  else if (!live) alarms.push(`No word from ${pulse.node_id} since ${clock(heardAt + store.skewMs)}, ${age(Date.now() - heardAt)} ago: what you see is as old as that. Trying again.`);
  else if (!pulse.kafka.connected || (pulse.states_age_s ?? Infinity) > OLD_S) alarms.push(...away(pulse));
  if (live) alarms.push(...pulse.reasons.filter((reason) => !reason.startsWith("Kafka has not answered")));
  document.body.classList.toggle("stale", !live || !pulse.kafka.connected);
  fillAlarm(alarms);
}

function away({ states_age_s: ageS, now_ms: nowMs }) {
  if (ageS === null) return ["Kafka has not answered since this node started: no state is known yet."];
  return [`Kafka is away: states are ${age(ageS * 1000)} old, last heard at ${clock(nowMs - ageS * 1000, nowMs)}. They stay as they were; nothing is DOWN because of this.`];
}

function fillAlarm(alarms) {
  const box = part("alarm");
  while (box.childElementCount > alarms.length) box.lastChild.remove();
  alarms.forEach((text, at) => {
    if (!box.children[at]) box.append(h("p"));
    say(box.children[at], text);
  });
}

function announce({ detail: { changed } }) {
  if (!changed.length) return;
  const named = changed.slice(0, NAMED).map((row) => `${row.name} is ${stateOf(row.state).long ?? stateOf(row.state).word}`);
  if (changed.length > NAMED) named.push(`and ${plural(changed.length - NAMED, "other service")} changed`);
  say(part("said"), named.join(", "));
}

const KEYS = [["/", "filter the services"], ["↓ ↑ or j k", "the next, the previous"], ["Enter", "open a service"], ["Esc", "clear the filter; back"],
  ["1 … 5", "services, vservers, nodes, views, time"], ["t", "light or dark"], ["?", "this help"]];

function help() {
  const dialog = part("keys");
  if (!dialog.childElementCount) {
    dialog.append(h("h2", { id: "keys-title" }, "Keys"), h("dl.keys", {}, KEYS.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
      h("h2", {}, "Signs"), h("dl.keys", {}, ["UP", "DOWN", "UNKNOWN", "GOING_OUT_OF_SERVICE", "OUT_OF_SERVICE"].map((name) => {
        const { glyph, word, kind, long } = stateOf(name);
        return [h(`dt.t-${kind}`, {}, `${glyph} ${word}`), h("dd", {}, long ?? { UP: "answers as it should", DOWN: "does not", UNKNOWN: "nothing decided yet" }[name])];
      })), h("form", { method: "dialog" }, h("button", { type: "submit" }, "Close")));
  }
  dialog.showModal();
}

function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("watchbill-theme", root.dataset.theme); } catch { /* storage is off: it holds until a reload */ }
  nameTheme();
}

function nameTheme() {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  say(part("theme"), dark ? "☾" : "☀");
  part("theme").setAttribute("aria-label", dark ? "Colours: dark; change to light" : "Colours: light; change to dark");
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || part("keys").open || event.defaultPrevented) return;
  if (event.target.closest("input, select, textarea")) return;
  const wanted = PAGES.find((each) => each.key === event.key);
  if (wanted) location.hash = `#/${wanted.path}`;
  else if (event.key === "?") help();
  else if (event.key === "t") toggleTheme();
  else if (!page.key(event)) return;
  event.preventDefault();
}

part("nav").append(...PAGES.filter((each) => each.name).map(({ path, name }) => h("a", { href: `#/${path}` }, name)));
part("theme").addEventListener("click", toggleTheme);
part("help").addEventListener("click", help);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);
addEventListener("hashchange", show);
addEventListener("keydown", onKey);
store.addEventListener("rows", announce);
for (const name of ["pulse", "live"]) store.addEventListener(name, tellWho);
setInterval(tellWho, 1000);
nameTheme();
tellWho();
show();
new Feed(store);
