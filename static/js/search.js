// The search page: filters, chips and the box change what is shown in place, and the address with it.

import { ApiError } from "./api.js";
import { mount } from "./grid.js";
import { say } from "./app.js";

const place = document.getElementById("search");
const box = document.getElementById("find");
const MOST = 1_200; // tiles on one page; the timeline is made for more
let asking = null;

/** What the form says, without what is empty. */
function wanted() {
  const form = document.getElementById("search-form");
  const params = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) params.append(name, value);
  return params;
}

async function show(params, { push = true } = {}) {
  const address = `${location.pathname}${params.size ? `?${params}` : ""}`;
  asking?.abort();
  const mine = (asking = new AbortController());
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { headers: { "X-Part": "search" }, signal: mine.signal });
    if (answer.redirected && !new URL(answer.url).pathname.startsWith(location.pathname)) return location.assign(answer.url);
    if (!answer.ok && answer.status !== 400) throw new ApiError(answer.status);
    replace(await answer.text());
    if (push) history.pushState(null, "", address);
    box.value = params.get("q") || "";
    // Said from a place that stays: what is replaced is not read out.
    document.getElementById("said").textContent = place.querySelector("#found-title, [role=alert]")?.textContent || "";
    const words = params.get("q") || gettext("Search");
    document.title = `${words} · MediaHub`;
  } catch (error) {
    if (error.name === "AbortError") return;
    say((error instanceof ApiError ? error : new ApiError(0)).message);
  }
  if (mine === asking) place.removeAttribute("aria-busy");
}

/** The filters stay as open as they were, and the focus where it was. */
function replace(html) {
  const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
  const wasOpen = document.getElementById("filters")?.open;
  place.innerHTML = html;
  const filters = document.getElementById("filters");
  if (filters && wasOpen) filters.open = true;
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  prepare();
}

function prepare() {
  const grid = place.querySelector("[data-grid]");
  if (grid && !grid.classList.contains("justified")) mount(grid);
  watch();
}

// -- More as one comes near the end ------------------------------------------------------------------------------------
const nearEnd = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && more(), { rootMargin: "1200px" });

function watch() {
  nearEnd.disconnect();
  const pages = place.querySelector("[data-results] nav");
  if (pages && next() && place.querySelectorAll(".tile").length < MOST) nearEnd.observe(pages);
}

const next = () => place.querySelector('[data-results] a[rel="next"]');

async function more() {
  const link = next();
  if (!link || link.dataset.asked) return;
  link.dataset.asked = "";
  try {
    const answer = await fetch(link.href, { headers: { "X-Part": "search" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const old = place.querySelector("[data-grid]");
    if (!old || !link.isConnected) return; // another search was begun meanwhile
    const grid = document.createElement("div");
    grid.className = "grid";
    grid.dataset.grid = "";
    const focused = document.activeElement;
    grid.append(...old.querySelectorAll(".tile"), ...page.querySelectorAll("[data-grid] .tile"));
    old.replaceWith(grid);
    if (grid.contains(focused)) focused.focus({ preventScroll: true });
    mount(grid);
    place.querySelector("[data-results] nav").replaceWith(page.querySelector("[data-results] nav") || "");
    place.querySelector('[data-results] a[rel="prev"]')?.remove();
    watch();
  } catch {
    delete link.dataset.asked; // the link itself still works
  }
}

// -- What changes the search -------------------------------------------------------------------------------------------
place.addEventListener("change", (event) => event.target.form?.id === "search-form" && show(wanted()));
place.addEventListener("submit", (event) => {
  event.preventDefault();
  show(wanted());
});
place.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-search]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  show(new URL(link.href).searchParams);
});
document.addEventListener("find", (event) => {
  event.preventDefault();
  const found = event.detail;
  const params = wanted();
  if (found.has("q") || !found.size) params.delete("q");
  else if (params.get("q") !== box.value) params.delete("q"); // half a word that has become a tag
  for (const [name, value] of found) {
    if (name === "tag" ? !params.getAll("tag").includes(value) : true) name === "tag" ? params.append(name, value) : params.set(name, value);
  }
  show(params);
});
addEventListener("popstate", () => show(new URLSearchParams(location.search), { push: false }));

prepare();
