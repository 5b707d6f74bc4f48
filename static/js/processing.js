// The processing page while one looks at it. The socket brings counts at once; rates, times, jobs and the latest pictures
// are read again from the server now and then, and after a break.

import { socket } from "./socket.js";

const place = document.getElementById("processing-now");
const numbers = new Intl.NumberFormat(document.documentElement.lang);
const EVERY = 2_500;
let read = 0;
let timer = 0;

function set(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}

function showSteps({ steps }) {
  let failed = 0;
  for (const [name, count] of Object.entries(steps)) {
    failed += count.failed;
    const row = place?.querySelector(`[data-step="${CSS.escape(name)}"]`);
    if (!row) continue;
    for (const field of ["waiting", "running", "done", "failed"]) set(row.querySelector(`[data-field="${field}"]`), numbers.format(count[field]));
    const bar = row.querySelector("progress");
    const ended = count.done + count.failed + count.skipped;
    bar.max = Math.max(1, ended + count.waiting + count.running);
    bar.value = ended;
  }
  const total = document.querySelector('[data-total="failed"]');
  set(total, numbers.format(failed));
  total.classList.toggle("bad", failed > 0);
  later();
}

/** At most one reading every few seconds, and one after the last hint. */
function later() {
  if (place && !timer) timer = setTimeout(readAgain, Math.max(0, read + EVERY - Date.now()));
}

async function readAgain() {
  timer = 0;
  read = Date.now();
  if (document.hidden) return;
  try {
    const answer = await fetch(place.dataset.address, { headers: { "X-Part": "now" } });
    if (!answer.ok || answer.redirected) return;
    renew(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    return; // the next hint asks again
  }
}

/** Replaces the parts that differ; what has the focus keeps it. */
function renew(page) {
  const focused = document.activeElement?.id;
  const fresh = page.querySelectorAll("[data-part]");
  const known = place.querySelectorAll("[data-part]");
  const names = (parts) => [...parts].map((part) => part.dataset.part).join();
  if (names(fresh) !== names(known)) {
    place.replaceChildren(...page.body.childNodes);
  } else {
    fresh.forEach((part, index) => part.outerHTML === known[index].outerHTML || known[index].replaceWith(part));
  }
  if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

socket.addEventListener("steps", (event) => showSteps(event.detail));
socket.addEventListener("assets", later);
socket.addEventListener("job", later);
socket.addEventListener("reconnected", later);
document.addEventListener("visibilitychange", later);
// Rates and times fall also when no hint comes.
setInterval(() => place?.querySelector(".overall progress") && place.querySelector(".overall progress").value < place.querySelector(".overall progress").max && later(), 10_000);
