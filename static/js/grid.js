// A page of tiles that the server wrote (web/_tiles.html): justified, with thumbhashes, walked by the arrow keys.

import { aspectOf, justify, rowHeight } from "./justify.js";
import { paint } from "./thumbhash.js";
import { bind } from "./keys.js";

const wished = Number(document.documentElement.dataset.rowHeight || 235);

export function mount(grid) {
  const tiles = [...grid.querySelectorAll(".tile")];
  if (!tiles.length) return;
  const aspects = tiles.map((tile) => aspectOf(Number(tile.dataset.width), Number(tile.dataset.height)));
  tiles.forEach((tile) => {
    const canvas = tile.querySelector("canvas") || paint(tile.dataset.hash);
    const image = tile.querySelector("img");
    if (canvas && image && !image.complete) tile.prepend(canvas);
    image?.addEventListener("load", () => canvas?.remove(), { once: true });
    image?.addEventListener("error", () => {
      image.remove();
      tile.setAttribute("aria-label", image.alt);
    }, { once: true });
  });
  let before = 0;
  const place = () => {
    const width = grid.clientWidth;
    if (!width || width === before) return;
    before = width;
    const { boxes, height } = justify(aspects, width, rowHeight(wished, width));
    grid.classList.add("justified");
    grid.style.height = `${height}px`;
    tiles.forEach((tile, index) => placeTile(tile, boxes[index]));
  };
  place();
  new ResizeObserver(place).observe(grid);
}

export function placeTile(tile, box) {
  tile.style.transform = `translate(${box.x}px, ${box.y}px)`;
  tile.style.width = `${box.width}px`;
  tile.style.height = `${box.height}px`;
}

/** The tile that an arrow key leads to from `tile`, among tiles in reading order. */
export function towards(key, tile, tiles) {
  const at = tiles.indexOf(tile);
  if (key === "ArrowLeft") return tiles[at - 1];
  if (key === "ArrowRight") return tiles[at + 1];
  const from = tile.getBoundingClientRect();
  const middle = from.left + from.width / 2;
  const down = key === "ArrowDown";
  let best = null;
  let bestRow = null;
  for (let index = at + (down ? 1 : -1); tiles[index]; index += down ? 1 : -1) {
    const box = tiles[index].getBoundingClientRect();
    if (Math.abs(box.top - from.top) < 2) continue; // still the same row
    bestRow ??= box.top;
    if (Math.abs(box.top - bestRow) > 2) break; // one row further
    const distance = Math.abs(box.left + box.width / 2 - middle);
    if (best === null || distance < best.distance) best = { distance, tile: tiles[index] };
  }
  return best?.tile;
}

function walk(event) {
  const tiles = [...document.querySelectorAll("[data-grid] .tile")];
  const focused = document.activeElement?.closest?.("[data-grid] .tile");
  const target = focused ? towards(event.key, focused, tiles) : tiles[0];
  if (!target) return false;
  target.focus();
  return true;
}

if (document.querySelector("[data-grid]")) {
  bind("ArrowLeft ArrowRight ArrowUp ArrowDown", gettext("Move between photos"), walk, "← → ↑ ↓");
  bind("", gettext("Open the photo"), null, "Enter");
  document.querySelectorAll("[data-grid]").forEach(mount);
}
document.addEventListener("htmx:load", (event) => {
  const element = event.detail.elt;
  const grids = [...(element.matches?.("[data-grid]") ? [element] : []), ...(element.querySelectorAll?.("[data-grid]") || [])];
  grids.filter((grid) => !grid.classList.contains("justified")).forEach(mount);
});
