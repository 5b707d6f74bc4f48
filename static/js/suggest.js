// The search box of every page: what begins with the typed letters, in groups, walked by the arrow keys.
// Choosing sends "find" with the parameters of a search; a page that can show it in place takes it, else we go there.

import { api } from "./api.js";
import { icon } from "./icon.js";

const WAIT = 120;
const GROUPS = [
  ["tag", gettext("Tags"), "tag"],
  ["place", gettext("Places"), "place"],
  ["camera", gettext("Cameras"), "camera"],
  ["keyword", gettext("Keywords"), "tag"],
  ["word", gettext("Words"), "text"],
  ["name", gettext("File names"), "file"],
];

const box = document.getElementById("find");
const form = box?.form;
const list = document.createElement("div");
const numbers = new Intl.NumberFormat(document.documentElement.lang);
let typed = "";
let timer = 0;
let asking = null;

if (box) prepare();

function prepare() {
  list.id = "suggestions";
  list.className = "suggestions";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", gettext("Suggestions"));
  form.append(list);
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false" })) {
    box.setAttribute(name, value);
  }
  box.addEventListener("input", () => {
    typed = box.value;
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT);
  });
  box.addEventListener("focus", () => {
    typed = box.value;
    if (typed.trim() && list.childElementCount && list.dataset.for === typed) open();
  });
  box.addEventListener("blur", close);
  box.addEventListener("keydown", walk);
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the box keeps the focus
  list.addEventListener("click", (event) => choose(event.target.closest("[role=option]")));
  form.addEventListener("submit", (event) => {
    const words = new URLSearchParams(box.value.trim() ? { q: box.value.trim() } : {});
    close();
    if (!send(words)) event.preventDefault();
  });
}

async function ask() {
  asking?.abort();
  const asked = box.value;
  if (!asked.trim()) return close();
  asking = new AbortController();
  try {
    const found = await api("GET", `/api/search/suggest/?q=${encodeURIComponent(asked)}`, undefined, { signal: asking.signal });
    if (box.value !== asked || document.activeElement !== box) return;
    draw(found, asked);
  } catch {
    close(); // only a help: the search itself still works
  }
}

function draw(found, asked) {
  list.dataset.for = asked;
  list.replaceChildren();
  for (const [kind, label, sign] of GROUPS) {
    const ones = found.filter((one) => one.kind === kind);
    if (!ones.length) continue;
    const group = document.createElement("div");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", label);
    const title = document.createElement("div");
    title.className = "group-title";
    title.setAttribute("aria-hidden", "true");
    title.textContent = label;
    group.append(title, ...ones.map((one) => option(one, sign)));
    list.append(group);
  }
  options().forEach((each, index) => (each.id = `suggestion-${index}`));
  if (options().length) open();
  else close();
}

function option(one, sign) {
  const row = document.createElement("div");
  row.setAttribute("role", "option");
  row.setAttribute("aria-selected", "false");
  row.dataset.params = one.params;
  row.dataset.kind = one.kind;
  const name = document.createElement("span");
  const count = document.createElement("span");
  name.textContent = one.title;
  count.className = "count";
  count.textContent = one.family ? `${one.family} · ${numbers.format(one.count)}` : numbers.format(one.count);
  row.append(icon(sign), name, count);
  return row;
}

const options = () => [...list.querySelectorAll("[role=option]")];
const active = () => list.querySelector('[aria-selected="true"]');

function open() {
  list.hidden = false;
  box.setAttribute("aria-expanded", "true");
}

function close() {
  clearTimeout(timer);
  list.hidden = true;
  mark(null);
  box.setAttribute("aria-expanded", "false");
}

function mark(row) {
  active()?.setAttribute("aria-selected", "false");
  if (!row) return box.removeAttribute("aria-activedescendant");
  row.setAttribute("aria-selected", "true");
  row.scrollIntoView({ block: "nearest" });
  box.setAttribute("aria-activedescendant", row.id);
}

function walk(event) {
  if (event.key === "Escape") {
    if (list.hidden) return;
    event.preventDefault(); // the first press closes the list, the next one clears the box
    return close();
  }
  if (event.key === "Enter" && !list.hidden && active()) {
    event.preventDefault();
    return choose(active());
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  event.preventDefault();
  if (list.hidden) return ask();
  const all = options();
  const step = event.key === "ArrowDown" ? 1 : -1;
  const at = all.indexOf(active());
  mark(all[at < 0 && step < 0 ? all.length - 1 : at + step] || null); // beyond the ends: back in the box
}

function choose(row) {
  if (!row) return;
  const params = new URLSearchParams(row.dataset.params);
  close();
  box.value = params.get("q") || "";
  if (send(params)) location.assign(`${form.action}?${params}`);
}

/** True when nobody on this page shows the search. */
function send(params) {
  return document.dispatchEvent(new CustomEvent("find", { detail: params, cancelable: true }));
}
