// Taking pictures in: dropped, pasted or chosen; each with its state until it is done or says why not.

import { all, api, csrfToken } from "./api.js";
import { icon } from "./icon.js";
import { socket } from "./socket.js";

const AT_ONCE = 3;
const HASH_UP_TO = 512 * 1024 * 1024; // the browser reads a file as a whole to hash it
const SHOWN = 200; // rows on the page; what is finished leaves first

export const uploads = new EventTarget(); // "added" with the asset's id, when something new is safe on the server

const panel = document.getElementById("uploads");
const list = panel.querySelector("ol");
const title = panel.querySelector("h2");
const row = panel.querySelector("template").content.firstElementChild;
const where = panel.querySelector(".where");
const library = document.getElementById("upload-library");

const entries = []; // { file, name, state, node, assetId, ... } in the order they came
const byAsset = new Map();
let running = 0;
let librariesRead = false;

// -- Ways in -----------------------------------------------------------------------------------------------------------
const fileInput = document.getElementById("upload-files");
const folderInput = document.getElementById("upload-folder");
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-upload]")) fileInput.click();
  if (event.target.closest("[data-upload-folder]")) folderInput.click();
});
for (const input of [fileInput, folderInput]) {
  input.addEventListener("change", () => {
    add([...input.files]);
    input.value = "";
  });
}

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files || [])];
  if (files.length) add(files);
});

const veil = document.getElementById("drop-veil");
let depth = 0;
const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragenter", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  depth += 1;
  veil.hidden = false;
});
addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
addEventListener("dragleave", (event) => {
  if (!carriesFiles(event)) return;
  depth = Math.max(0, depth - 1);
  veil.hidden = depth === 0;
});
addEventListener("drop", async (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  depth = 0;
  veil.hidden = true;
  // The entries must be taken now: after the first wait the browser empties the list.
  const items = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.() || item.getAsFile());
  for (const item of items) await walk(item);
});

/** Adds a file, or everything in a folder, as it is found. */
async function walk(item) {
  if (!item) return;
  if (item instanceof File) add([item]);
  else if (item.isFile) add([await new Promise((resolve, reject) => item.file(resolve, reject))]);
  else {
    const reader = item.createReader();
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most 100 at once
      if (!some.length) break;
      for (const inner of some) await walk(inner);
    }
  }
}

// -- The queue ---------------------------------------------------------------------------------------------------------
function add(files) {
  for (const file of files) {
    if (file.name.startsWith(".") || file.name === "Thumbs.db") continue; // what file managers leave in folders
    const entry = { file, name: file.name, state: "waiting", node: null, assetId: null };
    entries.push(entry);
    show(entry);
  }
  if (!entries.length) return;
  panel.hidden = false;
  readLibraries();
  pump();
}

function pump() {
  while (running < AT_ONCE) {
    const entry = entries.find(({ state }) => state === "waiting");
    if (!entry) break;
    running += 1;
    send(entry).catch((error) => set(entry, "failed", { reason: error.message })).finally(() => {
      running -= 1;
      pump();
    });
  }
  sum();
}

async function send(entry) {
  set(entry, "checking");
  const target = library.value ? Number(library.value) : null;
  const sha256 = await hash(entry.file);
  if (sha256) {
    const { known } = await api("POST", "/api/uploads/check", { library: target, sha256s: [sha256] });
    if (known[sha256]) return alreadyHere(entry, known[sha256]);
  }
  set(entry, "uploading", { share: 0 });
  const answer = await put(entry, target);
  if (!answer.created) return alreadyHere(entry, answer.id);
  byAsset.set(answer.id, entry);
  set(entry, "processing", { assetId: answer.id, done: 0, of: 0 });
  uploads.dispatchEvent(new CustomEvent("added", { detail: answer.id }));
  await readSteps(entry); // it may have been quicker than this answer
}

/** The upload itself: fetch tells no progress of what is sent, so the older way. */
function put(entry, target) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    if (target) form.append("library", target);
    if (entry.file.lastModified) form.append("modified_at", new Date(entry.file.lastModified).toISOString());
    form.append("file", entry.file, entry.name);
    const request = new XMLHttpRequest();
    request.open("POST", "/api/uploads/");
    request.setRequestHeader("X-CSRFToken", csrfToken());
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) set(entry, "uploading", { share: event.loaded / event.total });
    });
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) return resolve(request.response);
      const problem = request.response;
      reject(new Error(problem?.errors?.[0]?.detail || problem?.detail || problem?.title || interpolate(gettext("The server answered with an error (%s). Try again."), [request.status])));
    });
    const unreached = () => reject(new Error(gettext("The connection broke off. Nothing of this file was kept; try again.")));
    request.addEventListener("error", unreached);
    request.addEventListener("abort", unreached);
    request.send(form);
  });
}

// -- Hashing: only where the browser offers it (HTTPS or this machine) and for files that fit ---------------------------
let hasher = null;
const hashing = new Map();
function hash(file) {
  if (!globalThis.crypto?.subtle || !globalThis.Worker || file.size > HASH_UP_TO || !file.size) return null;
  if (!hasher) {
    hasher = new Worker(panel.dataset.hashWorker);
    hasher.addEventListener("message", ({ data }) => {
      hashing.get(data.id)?.(data.sha256 || null);
      hashing.delete(data.id);
    });
    hasher.addEventListener("error", () => {
      hashing.forEach((resolve) => resolve(null));
      hashing.clear();
    });
  }
  return new Promise((resolve) => {
    const id = crypto.randomUUID();
    hashing.set(id, resolve);
    hasher.postMessage({ id, file });
  });
}

// -- What the server makes of it -----------------------------------------------------------------------------------------
socket.addEventListener("assets", (event) => event.detail.items.forEach(processed));
socket.addEventListener("reconnected", readAll);
socket.addEventListener("steps", (event) => {
  // Hints may overtake one another: when nothing is at work any more, the rows say how it ended.
  if (Object.values(event.detail.steps).every((step) => !step.waiting && !step.running)) readAll();
});

function readAll() {
  byAsset.forEach((entry) => entry.state === "processing" && readSteps(entry).catch(() => {}));
}

function processed({ id, state, done, of }) {
  const entry = byAsset.get(id);
  if (!entry || entry.state === "done") return; // an older hint, overtaken by the last one
  if (state === "completed") set(entry, "done", { assetId: id });
  else if (state === "partial") set(entry, "done", { assetId: id, reason: gettext("Done, but a step failed") });
  else if (state === "failed") readSteps(entry).catch(() => {});
  else set(entry, "processing", { done, of });
}

/** The bytes are known, which does not say that they could be opened. */
async function alreadyHere(entry, assetId) {
  entry.assetId = assetId;
  const { state, steps } = await api("GET", `/api/assets/${assetId}/steps/`);
  if (state === "failed") return notProcessed(entry, steps, gettext("Already here, but it could not be processed: %s"));
  return set(entry, "duplicate", { assetId });
}

function notProcessed(entry, steps, sentence = "%s") {
  const reason = steps.find((step) => step.error)?.error || gettext("It could not be processed.");
  set(entry, "failed", { reason: interpolate(sentence, [reason]), again: () => processAgain(entry) });
}

const ENDED = ["done", "failed", "quarantined", "skipped"];

async function readSteps(entry) {
  const answer = await api("GET", `/api/assets/${entry.assetId}/steps/`);
  const { state, steps } = answer;
  if (entry.state === "done") return null; // a hint was quicker than this answer
  if (state === "completed" || state === "partial") return processed({ id: entry.assetId, state });
  if (state === "failed") return notProcessed(entry, steps);
  const done = steps.filter((step) => ENDED.includes(step.state)).length;
  return set(entry, "processing", { done, of: steps.length });
}

async function processAgain(entry) {
  await api("POST", `/api/assets/${entry.assetId}/retry/`, {});
  byAsset.set(entry.assetId, entry);
  set(entry, "processing", { done: 0, of: 0 });
}

// -- What people see -----------------------------------------------------------------------------------------------------
function set(entry, state, more = {}) {
  Object.assign(entry, { reason: "", again: null }, more, { state });
  if (state !== "uploading" || more.share === 0 || more.share === 1) sum();
  show(entry);
}

function words(entry) {
  const percent = Math.floor((entry.share || 0) * 100);
  return {
    waiting: gettext("Waiting"),
    checking: gettext("Checking"),
    uploading: interpolate(gettext("Uploading %s %%"), [percent]),
    duplicate: gettext("Already here"),
    processing: entry.of ? interpolate(gettext("Processing %s of %s"), [entry.done, entry.of]) : gettext("Processing"),
    done: entry.reason || gettext("Done"),
    failed: entry.reason || gettext("Failed"),
  }[entry.state];
}

function show(entry) {
  if (!entry.node) {
    entry.node = row.cloneNode(true);
    entry.node.querySelector(".name").textContent = entry.name;
    list.append(entry.node);
    if (list.children.length > SHOWN) {
      const old = entries.find((other) => other.node?.isConnected && ["done", "duplicate"].includes(other.state));
      old?.node.remove();
    }
  }
  const node = entry.node;
  if (node.dataset.state !== entry.state) {
    node.dataset.state = entry.state;
    node.querySelector(".act").replaceChildren(...action(entry));
    if (entry.state === "done" || entry.state === "duplicate") picture(entry);
  }
  node.querySelector(".state").textContent = words(entry);
  const bar = node.querySelector("progress");
  bar.hidden = entry.state !== "uploading" && !(entry.state === "processing" && entry.of);
  bar.value = entry.state === "uploading" ? entry.share || 0 : (entry.done || 0) / (entry.of || 1);
}

function action(entry) {
  if (entry.assetId && ["done", "duplicate"].includes(entry.state)) {
    const link = document.createElement("a");
    link.href = `/photos/${entry.assetId}/`;
    link.className = "button plain small";
    link.textContent = gettext("Show");
    link.setAttribute("aria-label", interpolate(gettext("Show %s"), [entry.name]));
    return [link];
  }
  if (entry.state === "failed") {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "icon-button";
    button.setAttribute("aria-label", interpolate(gettext("Try %s again"), [entry.name]));
    button.append(icon("retry"));
    button.addEventListener("click", () => retry(entry));
    return [button];
  }
  return [];
}

async function picture(entry) {
  try {
    const asset = await api("GET", `/api/assets/${entry.assetId}/`);
    const image = entry.node.querySelector("img");
    image.addEventListener("load", () => {
      image.hidden = false;
      entry.node.querySelector("span.thumb").hidden = true;
    });
    if (asset.thumbnail) image.src = asset.thumbnail;
  } catch {
    // a row without its small picture says the same
  }
}

function retry(entry) {
  if (entry.again) entry.again().catch((error) => set(entry, "failed", { reason: error.message, again: entry.again }));
  else {
    set(entry, "waiting");
    pump();
  }
}

function sum() {
  const count = (...states) => entries.filter(({ state }) => states.includes(state)).length;
  const open = count("waiting", "checking", "uploading");
  const failed = count("failed");
  const processing = count("processing");
  if (open) title.textContent = interpolate(ngettext("Uploading %s file", "Uploading %s files", open), [open]);
  else if (processing) title.textContent = interpolate(ngettext("Processing %s file", "Processing %s files", processing), [processing]);
  else if (failed) title.textContent = interpolate(ngettext("%s file failed", "%s files failed", failed), [failed]);
  else title.textContent = gettext("All done");
  panel.querySelector("[data-retry-all]").hidden = !failed || Boolean(open);
  panel.querySelector("[data-close]").hidden = Boolean(open);
}

panel.querySelector("[data-retry-all]").addEventListener("click", () => {
  entries.filter(({ state }) => state === "failed").forEach(retry);
});
panel.querySelector("[data-close]").addEventListener("click", () => {
  panel.hidden = true;
  entries.length = 0;
  byAsset.clear();
  list.replaceChildren();
});
panel.querySelector(".fold").addEventListener("click", (event) => {
  const folded = panel.toggleAttribute("data-folded");
  event.currentTarget.setAttribute("aria-expanded", String(!folded));
});

/** Somebody who may add to several libraries chooses; everybody else is not asked. */
async function readLibraries() {
  if (librariesRead) return;
  librariesRead = true;
  try {
    const found = await all("/api/libraries/");
    const mine = found.filter((each) => each.may_add);
    library.replaceChildren(...mine.map((each) => new Option(each.name, each.is_home ? "" : each.id)));
    where.hidden = mine.length < 2;
  } catch {
    librariesRead = false; // uploads go to the person's own library
  }
}

addEventListener("beforeunload", (event) => {
  if (entries.some(({ state }) => ["waiting", "checking", "uploading"].includes(state))) event.preventDefault();
});
