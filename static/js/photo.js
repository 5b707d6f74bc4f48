// The photo page: fit and zoom, text to select, walking along the list, editing, processing.

import { api } from "./api.js";
import { say } from "./app.js";
import { bind } from "./keys.js";
import { socket } from "./socket.js";
import { paint } from "./thumbhash.js";

const MOST = 8; // times the fitted size
let page; // the #viewer that is shown; walking replaces it
let zoom = null;

const at = (id) => document.getElementById(id);

function start() {
  page = at("viewer");
  sessionStorage.setItem("photo", JSON.stringify({ id: Number(page.dataset.id), day: page.dataset.day }));
  zoom = at("canvas") ? fit(at("stage"), at("canvas")) : null;
  tabs();
  editing();
  page.querySelector(".strip [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  for (const address of [page.dataset.preloadNext, page.dataset.preloadPrevious]) if (address) new Image().src = address;
}

// -- Fit and zoom ------------------------------------------------------------------------------------------------------
function fit(stage, canvas) {
  const image = canvas.querySelector("img");
  const placeholder = image.complete ? null : paint(canvas.dataset.hash);
  if (placeholder) {
    canvas.prepend(placeholder);
    image.addEventListener("load", () => placeholder.remove(), { once: true });
  }
  let scale = 1;
  let x = 0;
  let y = 0;
  let size = { width: 0, height: 0 };
  let large = false;

  const apply = () => {
    canvas.style.transform = scale === 1 ? "" : `translate(${x}px, ${y}px) scale(${scale})`;
    stage.classList.toggle("zoomed", scale > 1);
    at("toggle-zoom")?.setAttribute("aria-pressed", String(scale > 1));
    if (scale > 1.2 && !large && canvas.dataset.large) {
      large = true;
      const full = new Image();
      full.addEventListener("load", () => (image.src = full.src));
      full.src = canvas.dataset.large;
    }
  };
  const measure = () => {
    const [width, height] = [Number(canvas.dataset.width), Number(canvas.dataset.height)];
    const room = { width: stage.clientWidth, height: stage.clientHeight };
    const factor = Math.min(room.width / width, room.height / height, Math.max(1, 480 / Math.max(width, height)));
    size = { width: width * factor, height: height * factor };
    canvas.style.width = `${size.width}px`;
    canvas.style.height = `${size.height}px`;
    words(canvas, size);
    apply();
  };
  const clamp = () => {
    // The picture may be moved until its edge reaches the middle of nothing: never out of sight.
    const roomX = Math.max(0, (size.width * scale - stage.clientWidth) / 2 + 40);
    const roomY = Math.max(0, (size.height * scale - stage.clientHeight) / 2 + 40);
    const centreX = (size.width * (1 - scale)) / 2;
    const centreY = (size.height * (1 - scale)) / 2;
    x = Math.min(centreX + roomX, Math.max(centreX - roomX, x));
    y = Math.min(centreY + roomY, Math.max(centreY - roomY, y));
  };
  const to = (wanted, clientX, clientY) => {
    const next = Math.min(MOST, Math.max(1, wanted));
    const box = stage.getBoundingClientRect();
    const left = box.left + (box.width - size.width) / 2;
    const top = box.top + (box.height - size.height) / 2;
    const px = (clientX ?? box.left + box.width / 2) - left;
    const py = (clientY ?? box.top + box.height / 2) - top;
    x = px - ((px - x) / scale) * next;
    y = py - ((py - y) / scale) * next;
    scale = next;
    if (scale === 1) x = y = 0;
    else clamp();
    apply();
  };
  const toggle = (clientX, clientY) => {
    const natural = Number(canvas.dataset.width) / size.width / devicePixelRatio;
    to(scale > 1 ? 1 : Math.max(2, natural), clientX, clientY);
  };

  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && scale === 1 && event.deltaY > 0) return;
    event.preventDefault();
    to(scale * Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
  }, { passive: false });
  stage.addEventListener("dblclick", (event) => !event.target.closest(".turn, .words span") && toggle(event.clientX, event.clientY));

  const pointers = new Map();
  let pinch = 0;
  let swipe = null;
  stage.addEventListener("pointerdown", (event) => {
    if (event.target.closest(".turn, .words span, a, button")) return;
    pointers.set(event.pointerId, event);
    if (scale > 1 || pointers.size > 1) stage.setPointerCapture(event.pointerId);
    swipe = pointers.size === 1 && scale === 1 && event.pointerType === "touch" ? event : null;
  });
  stage.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    pointers.set(event.pointerId, event);
    if (pointers.size === 2) {
      const [one, two] = [...pointers.values()];
      const distance = Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY);
      if (pinch) to((scale * distance) / pinch, (one.clientX + two.clientX) / 2, (one.clientY + two.clientY) / 2);
      pinch = distance;
    } else if (scale > 1) {
      x += event.clientX - before.clientX;
      y += event.clientY - before.clientY;
      clamp();
      apply();
    }
  });
  const end = (event) => {
    if (swipe && event.type === "pointerup") {
      const dx = event.clientX - swipe.clientX;
      if (Math.abs(dx) > 60 && Math.abs(event.clientY - swipe.clientY) < 60) walk(dx > 0 ? "previous" : "next");
    }
    pointers.delete(event.pointerId);
    pinch = 0;
    swipe = null;
  };
  stage.addEventListener("pointerup", end);
  stage.addEventListener("pointercancel", end);

  new ResizeObserver(measure).observe(stage);
  measure();
  return { toggle, by: (factor) => to(scale * factor), reset: () => to(1), get isIn() { return scale > 1; } };
}

// -- Text over the picture: one span a line, as large as the line, so that it can be selected and copied -----------------
const pen = document.createElement("canvas").getContext("2d");

function words(canvas, size) {
  const family = getComputedStyle(document.body).fontFamily;
  canvas.querySelectorAll(".words span").forEach((span) => {
    const corners = span.dataset.box.split(" ").map((corner) => corner.split(",").map(Number));
    if (corners.length < 4) return;
    const [[x0, y0], [x1, y1], , [x3, y3]] = corners.map(([x, y]) => [x * size.width, y * size.height]);
    const width = Math.hypot(x1 - x0, y1 - y0);
    const height = Math.hypot(x3 - x0, y3 - y0);
    const fontSize = Math.max(4, height * 0.9);
    pen.font = `${fontSize}px ${family}`;
    const natural = pen.measureText(span.textContent).width || 1;
    span.style.fontSize = `${fontSize}px`;
    span.style.lineHeight = `${height}px`;
    span.style.width = `${natural}px`;
    span.style.height = `${height}px`;
    span.style.transform =
      `translate(${x0}px, ${y0}px) rotate(${Math.atan2(y1 - y0, x1 - x0)}rad) scaleX(${width / natural})`;
  });
  canvas.querySelector(".words")?.classList.add("fitted");
}

// -- Walking: the next page takes the place of this one; "back" still leads to the list -----------------------------------
let walking = false;
async function go(address) {
  if (walking) return;
  walking = true;
  const hash = location.hash;
  try {
    const response = await fetch(address, { headers: { Accept: "text/html" } });
    const next = response.ok && new DOMParser().parseFromString(await response.text(), "text/html");
    const viewer = next && next.getElementById("viewer");
    if (!viewer) {
      location.assign(address);
      return;
    }
    history.replaceState(null, "", address + hash);
    document.title = next.title;
    viewer.classList.toggle("panel-closed", page.classList.contains("panel-closed"));
    const focused = document.activeElement?.id;
    page.replaceWith(document.adoptNode(viewer));
    start();
    if (focused) at(focused)?.focus({ preventScroll: true });
  } catch {
    location.assign(address);
  } finally {
    walking = false;
  }
}

function walk(side) {
  const link = at(side);
  if (!link) return false;
  go(link.href);
  return true;
}

function back() {
  // The list is still in the browser's memory, at its place: only a page that was opened by its address loads it anew.
  const from = document.referrer && new URL(document.referrer);
  const target = new URL(at("back").href);
  if (from && from.origin === location.origin && from.pathname === target.pathname && history.length > 1) history.back();
  else location.assign(target);
}

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const link = event.target.closest("[data-walk], #back");
  if (link) {
    event.preventDefault();
    if (link.id === "back") back();
    else go(link.href);
    return;
  }
  const button = event.target.closest("button");
  if (!button) return;
  if (button.id === "toggle-panel") panel();
  if (button.id === "toggle-zoom") zoom?.toggle();
  if (button.id === "toggle-words") marks();
  if (button.id === "copy-text") copyText();
  if ("retry" in button.dataset) retry(button);
});

function panel() {
  const closed = page.classList.toggle("panel-closed");
  at("toggle-panel").setAttribute("aria-expanded", String(!closed));
  document.cookie = `panel=${closed ? "closed" : "open"}; path=/; max-age=31536000; samesite=lax`;
}

function marks() {
  const on = at("stage").classList.toggle("show-words");
  at("toggle-words").setAttribute("aria-pressed", String(on));
}

async function copyText() {
  const lines = [...page.querySelectorAll(".text-lines li")].map((line) => line.textContent).join("\n");
  try {
    await navigator.clipboard.writeText(lines);
    say(gettext("The text is in the clipboard."), 3);
  } catch {
    say(gettext("The browser did not allow copying. Select the lines and copy them."));
  }
}

// A line of the list lights up its place in the picture.
for (const [kind, lit] of [["pointerover", true], ["pointerout", false]]) {
  document.addEventListener(kind, (event) => {
    const line = event.target.closest?.(".text-lines li");
    if (!line) return;
    const index = [...line.parentElement.children].indexOf(line);
    page.querySelectorAll(".words span")[index]?.classList.toggle("lit", lit);
  });
}

// -- Tabs of the panel; the one that is open stays open while walking -------------------------------------------------------
function tabs() {
  const all = [...page.querySelectorAll("[role=tab]")];
  const choose = (tab, focus = false) => {
    all.forEach((each) => {
      const on = each === tab;
      each.setAttribute("aria-selected", String(on));
      each.tabIndex = on ? 0 : -1;
      at(each.getAttribute("aria-controls")).hidden = !on;
    });
    if (focus) tab.focus();
  };
  const named = all.find((tab) => `#${tab.getAttribute("aria-controls").slice("panel-".length)}` === location.hash);
  choose(named || all[0]);
  all.forEach((tab, index) => {
    tab.addEventListener("click", () => {
      choose(tab);
      history.replaceState(null, "", index ? `#${tab.getAttribute("aria-controls").slice("panel-".length)}` : location.pathname + location.search);
    });
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const next = all[(index + step + all.length) % all.length];
      choose(next, true);
    });
  });
}

// -- Editing: saved when the reader leaves the field --------------------------------------------------------------------------
function editing() {
  const form = at("edit");
  const saved = at("saved");
  const save = async (changes) => {
    saved.textContent = gettext("Saving…");
    saved.className = "small quiet";
    try {
      await api("PATCH", form.dataset.address, changes);
      saved.textContent = gettext("Saved");
      setTimeout(() => (saved.textContent = ""), 2000);
      return true;
    } catch (error) {
      saved.textContent = `${gettext("Not saved.")} ${error.message}`;
      saved.className = "small bad";
      return false;
    }
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", async (event) => {
    const { name, value } = event.target;
    if (name === "rating") showRating(Number(value));
    await save({ [name]: name === "rating" ? Number(value) : value });
  });
  at("no-rating")?.addEventListener("click", async () => {
    if (await save({ rating: null })) showRating(0);
  });
  const showRating = (rating) => {
    form.querySelectorAll(".rating label").forEach((label, index) => {
      label.classList.toggle("on", index < rating);
      label.querySelector("input").checked = index + 1 === rating;
    });
    at("no-rating").hidden = !rating;
  };
}

// -- Processing -----------------------------------------------------------------------------------------------------------------
async function retry(button) {
  button.disabled = true;
  try {
    await api("POST", `/api/assets/${page.dataset.id}/retry/`, button.dataset.retry ? { step: button.dataset.retry } : {});
    await reload();
  } catch (error) {
    say(error.message);
    button.disabled = false;
  }
}

/** The panel as the rows are now. The picture itself only when it was not there before. */
async function reload() {
  const response = await fetch(location.pathname + location.search);
  if (!response.ok) return;
  const next = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("viewer");
  if (!next || next.dataset.id !== page.dataset.id) return;
  if (!at("canvas") && next.querySelector("#canvas")) {
    page.replaceWith(document.adoptNode(next));
    start();
    return;
  }
  at("panel-processing").replaceChildren(...next.querySelector("#panel-processing").childNodes);
}

let soon = 0;
function changed() {
  clearTimeout(soon);
  soon = setTimeout(() => reload().catch(() => {}), 400);
}
socket.addEventListener("assets", (event) => event.detail.items.some(({ id }) => id === Number(page.dataset.id)) && changed());
socket.addEventListener("reconnected", changed);

// -- Keys -----------------------------------------------------------------------------------------------------------------------
bind("ArrowLeft", gettext("Previous photo"), () => walk("previous"), "←");
bind("ArrowRight", gettext("Next photo"), () => walk("next"), "→");
bind("i", gettext("Show or hide the details"), panel);
bind("z", gettext("Zoom"), () => zoom?.toggle());
bind("+", gettext("Larger"), () => zoom?.by(1.3));
bind("-", gettext("Smaller"), () => zoom?.by(1 / 1.3));
bind("t", gettext("Mark the text in the picture"), () => at("toggle-words") && marks());
bind("1 2 3 4 5", gettext("Rate"), (event) => {
  const star = at("edit").querySelector(`input[name=rating][value="${event.key}"]`);
  if (!star) return false;
  star.checked = true;
  star.dispatchEvent(new Event("change", { bubbles: true }));
  return true;
});
bind("Escape", gettext("Back to the list"), () => (zoom?.isIn ? zoom.reset() : back()));

start();
