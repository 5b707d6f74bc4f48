// The timeline. Its sections and their counts come with the page, so the height of all of it is known from the start.
// Pictures are asked for one screen ahead; only what is near the window is in the document.

import { api } from "./api.js";
import { say } from "./app.js";
import { placeTile, towards } from "./grid.js";
import { aspectOf, GAP, justify, rowHeight } from "./justify.js";
import { bind } from "./keys.js";
import { socket } from "./socket.js";
import { paint } from "./thumbhash.js";
import { uploads } from "./upload.js";

const data = JSON.parse(document.getElementById("timeline-data").textContent);
const place = document.getElementById("timeline");
const density = document.getElementById("density");
const numbers = new Intl.NumberFormat(document.documentElement.lang);
const HEADER = 48; // the label above a section
const BETWEEN = 16;

let wished = Number(document.documentElement.dataset.rowHeight || 235);
let width = 0;
let target = wished;
let sections = [];
let current = null; // the tile's id that the keyboard is at
let wantedFocus = null; // its tile is not in the document yet

// -- Sections ----------------------------------------------------------------------------------------------------------
class Section {
  constructor([first, last, count, label]) {
    Object.assign(this, { first, last, count, label, items: [], next: null, complete: false, asking: null, failed: 0 });
    Object.assign(this, { top: 0, height: 0, boxes: [], rest: 0, node: null, tiles: new Map() });
  }

  get key() {
    return `${this.first}/${this.last}`;
  }

  /** Lays out what is known; what is not loaded yet has the room that so many pictures usually take. */
  measure() {
    const laid = justify(this.items.map((item) => aspectOf(item[2], item[3])), width, target);
    this.boxes = laid.boxes;
    const missing = this.complete ? 0 : Math.max(0, this.count - this.items.length);
    const perRow = Math.max(1, (width + GAP) / (target * usual + GAP));
    const rows = Math.ceil(missing / perRow);
    this.rest = rows ? rows * (target + GAP) - GAP : 0;
    this.height = HEADER + laid.height + (laid.height && this.rest ? GAP : 0) + this.rest;
  }

  async load() {
    if (this.complete || this.asking || Date.now() < this.failed) return;
    const address = new URL(data.addresses.items, location.href);
    address.search = data.params;
    address.searchParams.set("from", later(address.searchParams.get("from"), this.first));
    address.searchParams.set("to", earlier(address.searchParams.get("to"), this.last));
    if (this.next) address.searchParams.set("cursor", this.next);
    this.asking = new AbortController();
    try {
      const page = await api("GET", address, undefined, { signal: this.asking.signal });
      this.items.push(...page.items);
      this.next = page.next;
      this.complete = !page.next;
      page.items.forEach((item) => learn(aspectOf(item[2], item[3])));
      relayout(this);
    } catch (error) {
      if (error.name !== "AbortError") {
        this.failed = Date.now() + 5000;
        say(error.message);
      }
    } finally {
      this.asking = null;
    }
    soon(render);
  }

  /** Puts into the document what lies between two heights of the page, in reading order, and takes the rest out. */
  show(from, to) {
    if (!this.node) {
      this.node = sectionNode(this);
      const after = sections.slice(sections.indexOf(this) + 1).find((section) => section.node);
      place.insertBefore(this.node, after?.node || null);
    }
    this.node.style.transform = `translateY(${this.top}px)`;
    this.node.style.height = `${this.height}px`;
    const body = this.node.lastElementChild;
    const skeleton = body.firstElementChild;
    skeleton.hidden = !this.rest;
    skeleton.style.height = `${this.rest}px`;
    skeleton.style.transform = `translateY(${this.height - HEADER - this.rest}px)`;
    skeleton.style.backgroundSize = `100% ${target + GAP}px`;
    const start = this.top + HEADER;
    const wanted = new Set();
    let previous = skeleton;
    for (let index = this.firstBox(from - start); index < this.boxes.length; index++) {
      const box = this.boxes[index];
      if (start + box.y > to) break;
      const item = this.items[index];
      wanted.add(item[0]);
      let tile = this.tiles.get(item[0]);
      if (!tile) {
        tile = tileNode(item);
        this.tiles.set(item[0], tile);
      }
      if (tile.previousElementSibling !== previous) previous.after(tile);
      placeTile(tile, box);
      previous = tile;
    }
    for (const [id, tile] of this.tiles) {
      if (wanted.has(id) || tile === document.activeElement) continue;
      tile.remove();
      this.tiles.delete(id);
      recycle(tile);
    }
  }

  /** The first picture that reaches below a height, found by halves. */
  firstBox(y) {
    let low = 0;
    let high = this.boxes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.boxes[middle].y + this.boxes[middle].height < y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  hide() {
    this.asking?.abort();
    this.tiles.forEach(recycle);
    this.tiles.clear();
    this.node?.remove();
    this.node = null;
  }
}

const later = (wishedDay, day) => (wishedDay && wishedDay > day ? wishedDay : day);
const earlier = (wishedDay, day) => (wishedDay && wishedDay < day ? wishedDay : day);

// How wide pictures usually are here, learnt from those that were seen.
let usual = 1.4;
let seen = 20;
function learn(aspect) {
  seen += 1;
  usual += (aspect - usual) / Math.min(seen, 2000);
}

function sectionNode(section) {
  const node = document.createElement("section");
  const label = document.createElement("h2");
  const days = document.createElement("span");
  days.textContent = section.label;
  const count = document.createElement("span");
  count.className = "quiet small number";
  count.textContent = numbers.format(section.count);
  label.append(days, " ", count);
  const body = document.createElement("div");
  body.className = "tiles";
  const skeleton = document.createElement("div");
  skeleton.className = "skeleton";
  body.append(skeleton);
  node.append(label, body);
  return node;
}

// -- Tiles -------------------------------------------------------------------------------------------------------------
const spare = [];

function tileNode(item) {
  const [id, revision, , , hash, called] = item;
  const tile = spare.pop() || document.createElement("a");
  tile.className = "tile";
  tile.removeAttribute("aria-label");
  tile.tabIndex = id === current ? 0 : -1;
  tile.dataset.id = id;
  tile.href = data.addresses.photo.replace("/0/", `/${id}/`) + (data.params && `?${data.params}`);
  if (!item[2]) {
    const text = document.createElement("span");
    text.className = "no-picture";
    text.textContent = called;
    tile.replaceChildren(text);
    return tile;
  }
  const image = new Image();
  const canvas = hash ? paint(hash) : null;
  image.alt = called;
  image.decoding = "async";
  image.draggable = false;
  image.addEventListener("load", () => canvas?.remove(), { once: true });
  image.addEventListener("error", () => {
    image.remove();
    tile.setAttribute("aria-label", called);
  }, { once: true });
  image.src = data.addresses.media.replace("/0/0/", `/${id}/${revision}/`);
  if (image.complete || !canvas) tile.replaceChildren(image);
  else tile.replaceChildren(canvas, image);
  return tile;
}

function recycle(tile) {
  const image = tile.querySelector("img");
  if (image && !image.complete) image.src = "data:,"; // nobody waits for it any more
  tile.replaceChildren();
  if (spare.length < 200) spare.push(tile);
}

// -- Layout ------------------------------------------------------------------------------------------------------------
/** Where the timeline begins on the page. */
const origin = () => place.offsetTop;

function stack() {
  let y = 0;
  for (const section of sections) {
    section.top = y;
    y += section.height + BETWEEN;
  }
  place.style.height = `${y}px`;
  drawScrubber(y);
}

function measureAll() {
  width = place.clientWidth;
  target = rowHeight(wished, innerWidth);
  sections.forEach((section) => section.measure());
  stack();
}

/** The picture at the top of the window stays where it is, whatever changes above it. */
function keepingPlace(change) {
  const y = scrollY - origin() + barHeight();
  const anchor = sections.findLast((section) => section.top <= y) || null;
  const inside = anchor ? y - anchor.top : 0;
  const first = anchor ? anchor.firstBox(inside - HEADER) : -1;
  const item = anchor?.boxes[first] && anchor.items[first]; // items that just came have no box yet
  const offset = item ? inside - anchor.boxes[first].y : inside / (anchor?.height || 1);
  change();
  if (!anchor || y <= 0) return;
  const now = sections.find((section) => section.key === anchor.key) || null;
  if (!now) return;
  const index = item ? now.items.findIndex(([id]) => id === item[0]) : -1;
  const wantedY = now.top + (index >= 0 ? now.boxes[index].y + offset : item ? inside : offset * now.height);
  const difference = wantedY - y;
  if (Math.abs(difference) >= 1) scrollBy({ top: difference, behavior: "instant" });
}

function relayout(section) {
  keepingPlace(() => {
    section.measure();
    stack();
  });
}

function barHeight() {
  return document.querySelector(".bar").offsetHeight;
}

let lastTop = 0;
let settling = 0;

function render() {
  if (!sections.length) return;
  const top = scrollY - origin();
  const screen = innerHeight;
  // Who flies past is not asked for; when the window comes to rest, this is done again.
  const flying = Math.abs(top - lastTop) > 2 * screen;
  lastTop = top;
  clearTimeout(settling);
  if (flying) settling = setTimeout(render, 100);
  const from = top - screen;
  const to = top + 2 * screen;
  for (const section of sections) {
    if (section.top + section.height < from || section.top > to) {
      if (section.node && !section.node.contains(document.activeElement)) section.hide();
      continue;
    }
    section.show(from, to);
    const unloaded = section.top + section.height - section.rest;
    if (!flying && !section.complete && unloaded < to) section.load();
  }
  moveScrubber(top);
  showMonth(top);
  if (wantedFocus !== null) {
    const tile = place.querySelector(`.tile[data-id="${wantedFocus}"]`);
    if (tile) {
      wantedFocus = null;
      tile.focus({ preventScroll: true });
    }
  } else if (!place.querySelector('.tile[tabindex="0"]')) {
    const tile = place.querySelector(".tile");
    if (tile) tile.tabIndex = 0; // one of them can always be reached by the tab key
  }
}

let planned = 0;
function soon(action) {
  planned ||= requestAnimationFrame(() => {
    planned = 0;
    action();
  });
}

addEventListener("scroll", () => soon(render), { passive: true });
new ResizeObserver(() => {
  if (place.clientWidth === width && target === rowHeight(wished, innerWidth)) return;
  keepingPlace(measureAll);
  render();
}).observe(place);

// -- Pictures arrive or change -------------------------------------------------------------------------------------------
let refreshing = null;
let refreshAgain = false;

/** Reads the sections again; those with another count, or with pictures that are not opened yet, are loaded afresh. */
async function refresh() {
  if (refreshing) {
    refreshAgain = true;
    return;
  }
  refreshing = setTimeout(async () => {
    try {
      const address = new URL(data.addresses.sections, location.href);
      address.search = data.params;
      const answer = await api("GET", address);
      const known = new Map(sections.map((section) => [section.key, section]));
      const fresh = answer.sections.map((each) => {
        const section = new Section(each);
        const old = known.get(section.key);
        if (!old) return section;
        if (old.count === section.count && old.items.every((item) => item[2])) {
          known.delete(section.key);
          return old;
        }
        return section;
      });
      // What a visible section shows stays until its successor is loaded.
      await Promise.all(fresh.filter((section) => known.get(section.key)?.node).map((section) => section.load()));
      keepingPlace(() => {
        known.forEach((section) => section.hide());
        sections = fresh;
        measureAll();
      });
      const total = sections.reduce((sum, section) => sum + section.count, 0);
      showTotal(total);
      render();
    } catch {
      refreshAgain = false; // the next hint asks again
    }
    refreshing = null;
    if (refreshAgain) {
      refreshAgain = false;
      refresh();
    }
  }, 1500);
}

function showTotal(total) {
  const shown = document.getElementById("total");
  shown.hidden = document.getElementById("tools").hidden = !total;
  shown.textContent = interpolate(ngettext("%s photo", "%s photos", total), [numbers.format(total)]);
  const empty = document.getElementById("empty");
  if (empty && total) empty.remove();
}

uploads.addEventListener("added", refresh);
socket.addEventListener("reconnected", refresh);
socket.addEventListener("assets", (event) => {
  const unopened = new Set(sections.flatMap((section) => section.items.filter((item) => !item[2]).map(([id]) => id)));
  const known = new Set(sections.flatMap((section) => section.items.map(([id]) => id)));
  const news = event.detail.items.some(({ id, done }) => (done > 0 && unopened.has(id)) || (!known.has(id) && done <= 1));
  if (news) refresh();
});

// -- The scrubber ---------------------------------------------------------------------------------------------------------
const scrubber = document.getElementById("scrubber");
const thumb = scrubber.querySelector(".thumb");
const bubble = scrubber.querySelector(".bubble");
const scrollRoom = () => Math.max(1, document.documentElement.scrollHeight - innerHeight);

function drawScrubber(height) {
  scrubber.hidden = height < innerHeight * 2 || sections.length < 2;
  scrubber.querySelectorAll(".year").forEach((node) => node.remove());
  if (scrubber.hidden) return;
  scrubber.setAttribute("aria-valuemax", String(sections.length - 1));
  const room = scrubber.clientHeight || innerHeight - 160;
  let last = -Infinity;
  let year = "";
  for (const section of sections) {
    const here = section.last.slice(0, 4);
    const y = (section.top / height) * room;
    if (here === year) continue;
    year = here;
    if (y - last < 22) continue; // years with few pictures would lie on each other
    last = y;
    const label = document.createElement("span");
    label.className = "year";
    label.textContent = here;
    label.style.top = `${y}px`;
    scrubber.append(label);
  }
}

const monthLabel = document.getElementById("month");

/** The label of the section that is being looked at, while its own has left the window. */
function showMonth(top) {
  const y = top + barHeight();
  const section = sections.findLast((each) => each.top <= y);
  monthLabel.hidden = !section || y - section.top < 1;
  if (section && monthLabel.textContent !== section.label) monthLabel.textContent = section.label;
}

function moveScrubber(top) {
  const share = Math.min(1, Math.max(0, scrollY / scrollRoom()));
  thumb.style.transform = bubble.style.transform = `translateY(${share * scrubber.clientHeight}px)`;
  const at = Math.max(0, sections.findLastIndex((section) => section.top <= top + barHeight() + 8));
  scrubber.setAttribute("aria-valuenow", String(at));
  scrubber.setAttribute("aria-valuetext", sections[at]?.label || "");
  bubble.textContent = sections[at]?.label || "";
}

function dragTo(clientY) {
  const box = scrubber.getBoundingClientRect();
  const share = Math.min(1, Math.max(0, (clientY - box.top) / box.height));
  scrollTo({ top: share * scrollRoom(), behavior: "instant" });
}

scrubber.addEventListener("pointerdown", (event) => {
  scrubber.setPointerCapture(event.pointerId);
  bubble.hidden = false;
  scrubber.dataset.dragging = "";
  dragTo(event.clientY);
});
scrubber.addEventListener("mousedown", (event) => event.preventDefault()); // the arrow keys stay with the photos
scrubber.addEventListener("pointermove", (event) => scrubber.hasPointerCapture(event.pointerId) && dragTo(event.clientY));
for (const name of ["pointerup", "pointercancel"]) {
  scrubber.addEventListener(name, () => {
    bubble.hidden = true;
    delete scrubber.dataset.dragging;
  });
}
scrubber.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: 12, PageUp: -12 }[event.key];
  const now = Number(scrubber.getAttribute("aria-valuenow"));
  let to = step ? now + step : null;
  if (event.key === "Home") to = 0;
  if (event.key === "End") to = sections.length - 1;
  if (to === null) return;
  event.preventDefault();
  goTo(sections[Math.min(sections.length - 1, Math.max(0, to))]);
});

// -- Going somewhere --------------------------------------------------------------------------------------------------------
function goTo(section, inside = 0) {
  if (!section) return;
  scrollTo({ top: origin() + section.top + inside - barHeight(), behavior: "instant" });
  render();
}

/** The section of a day, or the nearest older one. */
function sectionOf(day) {
  return sections.find((section) => section.first <= day) || sections.at(-1);
}

function sectionHere() {
  const y = scrollY - origin() + barHeight() + 8;
  return Math.max(0, sections.findLastIndex((section) => section.top <= y));
}

function byMonth(step) {
  goTo(sections[Math.min(sections.length - 1, Math.max(0, sectionHere() + step))]);
}

function byYear(step) {
  const year = Number(sections[sectionHere()]?.last.slice(0, 4));
  const years = [...new Set(sections.map((section) => Number(section.last.slice(0, 4))))];
  const to = years[Math.min(years.length - 1, Math.max(0, years.indexOf(year) + step))];
  goTo(sections.find((section) => Number(section.last.slice(0, 4)) === to));
}

const dialog = document.getElementById("go-to-date");
function askDate() {
  if (!sections.length) return false;
  const field = dialog.querySelector("input");
  field.min = sections.at(-1).first;
  field.max = sections[0].last;
  field.value = sections[sectionHere()].last;
  dialog.showModal();
  return true;
}
document.querySelector("[data-go-to-date]").addEventListener("click", askDate);
dialog.addEventListener("close", () => {
  if (dialog.returnValue === "go") goTo(sectionOf(dialog.querySelector("input").value));
  dialog.returnValue = "";
});

// -- Keys ------------------------------------------------------------------------------------------------------------------
function setCurrent(tile) {
  place.querySelectorAll('.tile[tabindex="0"]').forEach((other) => (other.tabIndex = -1));
  tile.tabIndex = 0;
  current = Number(tile.dataset.id);
}

function walk(event) {
  const tiles = [...place.querySelectorAll(".tile")];
  const focused = document.activeElement?.closest?.(".timeline .tile");
  const bar = barHeight();
  const target = focused
    ? towards(event.key, focused, tiles)
    : tiles.find((tile) => tile.getBoundingClientRect().top >= bar) || tiles[0];
  if (!target) return false;
  target.focus({ preventScroll: true });
  const box = target.getBoundingClientRect();
  const under = bar + HEADER;
  if (box.top < under) scrollBy({ top: box.top - under - GAP, behavior: "instant" });
  else if (box.bottom > innerHeight) scrollBy({ top: box.bottom - innerHeight + GAP, behavior: "instant" });
  return true;
}
place.addEventListener("focusin", (event) => event.target.matches(".tile") && setCurrent(event.target));

bind("ArrowLeft ArrowRight ArrowUp ArrowDown", gettext("Move between photos"), walk, "← → ↑ ↓");
bind("", gettext("Open the photo"), null, "Enter");
bind("g", gettext("Go to a date"), askDate);
bind("m", gettext("Month before"), () => byMonth(1));
bind("M", gettext("Month after"), () => byMonth(-1));
bind("y", gettext("Year before"), () => byYear(1));
bind("Y", gettext("Year after"), () => byYear(-1));
bind("+", gettext("Larger photos"), () => resize(wished + 32));
bind("-", gettext("Smaller photos"), () => resize(wished - 32));

// -- Density -----------------------------------------------------------------------------------------------------------------
let saving = 0;
function resize(value) {
  wished = Math.min(384, Math.max(128, value));
  density.value = String(wished);
  keepingPlace(measureAll);
  render();
  clearTimeout(saving);
  saving = setTimeout(() => api("PATCH", "/api/account/", { row_height: wished }).catch((error) => say(error.message)), 600);
}
density.addEventListener("input", () => resize(Number(density.value)));

// -- Coming back ---------------------------------------------------------------------------------------------------------------
const MEMORY = `place ${location.pathname}${location.search}`;

addEventListener("pagehide", () => {
  const section = sections[sectionHere()];
  if (!section) return;
  const inside = scrollY - origin() + barHeight() - section.top;
  sessionStorage.setItem(MEMORY, JSON.stringify({ key: section.key, share: inside / section.height, y: scrollY }));
});

/** Where the reader was, and the photo that was looked at last: the page may have been walked on from it. */
function restore() {
  const walked = JSON.parse(sessionStorage.getItem("photo") || "null");
  sessionStorage.removeItem("photo");
  const memory = JSON.parse(sessionStorage.getItem(MEMORY) || "null");
  const navigation = performance.getEntriesByType("navigation")[0]?.type;
  const section = memory && sections.find(({ key }) => key === memory.key);
  if (section && (walked || navigation !== "navigate") && memory.y > 0) goTo(section, memory.share * section.height);
  if (walked) findPhoto(walked);
}

async function findPhoto({ id, day }) {
  current = id;
  wantedFocus = id;
  const section = sections.find((each) => each.first <= day && day <= each.last);
  if (!section) return;
  while (!section.complete && !section.items.some((item) => item[0] === id)) {
    const before = section.items.length;
    if (section.asking) await new Promise((resolve) => setTimeout(resolve, 50));
    else await section.load();
    if (!section.asking && section.items.length === before && section.failed > Date.now()) return;
  }
  const index = section.items.findIndex((item) => item[0] === id);
  if (index < 0) return;
  const box = section.boxes[index];
  const y = section.top + HEADER + box.y;
  const top = scrollY - origin() + barHeight();
  if (y < top + HEADER || y + box.height > top + innerHeight - barHeight()) goTo(section, box.y - innerHeight / 3);
  else render();
}

addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  const walked = JSON.parse(sessionStorage.getItem("photo") || "null");
  sessionStorage.removeItem("photo");
  if (walked) findPhoto(walked);
});

/** The newest pictures come with the page: its first screen needs no second question. */
function takeFirst({ items, next }) {
  let rest = items;
  for (const section of sections) {
    if (!rest.length) break;
    section.items = rest.slice(0, section.count);
    section.complete = section.items.length === section.count;
    if (!section.complete) section.next = next;
    rest = rest.slice(section.count);
  }
  items.forEach((item) => learn(aspectOf(item[2], item[3])));
}

history.scrollRestoration = "manual";
sections = data.sections.map((each) => new Section(each));
takeFirst(data.first);
measureAll();
restore();
render();
