// What every page does: theme, menus, the job indicator, messages, the keys that are valid everywhere.

import { api } from "./api.js";
import { bind, showKeys } from "./keys.js";
import { socket } from "./socket.js";
import "./suggest.js";
import "./upload.js";

const root = document.documentElement;

// -- Messages ----------------------------------------------------------------------------------------------------------
/** Says something to everybody, also to those who do not look. */
export function say(text, seconds = 6) {
  const toasts = document.getElementById("toasts");
  (document.querySelector("dialog[open]") || document.body).append(toasts); // over an open dialog, not under it
  const toast = document.createElement("p");
  toast.textContent = text;
  toasts.append(toast);
  setTimeout(() => toast.remove(), seconds * 1000);
}

// -- Theme -------------------------------------------------------------------------------------------------------------
const THEMES = ["system", "light", "dark"];

export async function setTheme(theme) {
  root.dataset.theme = theme;
  try {
    await api("PATCH", "/api/account/", { theme });
  } catch (error) {
    say(error.message);
  }
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-theme-next], [data-show-keys], [data-close-dialog]");
  if (!target) return;
  if ("themeNext" in target.dataset) {
    const next = THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length];
    setTheme(next);
    say({ system: gettext("Like the device"), light: gettext("Light"), dark: gettext("Dark") }[next], 2);
  }
  if ("showKeys" in target.dataset) showKeys();
  if ("closeDialog" in target.dataset) target.closest("dialog").close();
});

// -- Menus close when the reader goes elsewhere ------------------------------------------------------------------------
document.addEventListener("click", (event) => {
  document.querySelectorAll("details.menu[open]").forEach((menu) => menu.contains(event.target) || (menu.open = false));
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
  event.preventDefault();
});
document.addEventListener("click", (event) => event.target.tagName === "DIALOG" && event.target.close());

// -- What is being worked on -------------------------------------------------------------------------------------------
const work = document.getElementById("work");

function showWork(steps) {
  const counts = Object.values(steps);
  const active = counts.reduce((sum, step) => sum + step.waiting + step.running, 0);
  work.hidden = !active;
  work.querySelector("[data-count]").textContent = new Intl.NumberFormat(root.lang).format(active);
  work.title = interpolate(ngettext("%s step in progress", "%s steps in progress", active), [active]);
}

async function readWork() {
  try {
    const { steps } = await api("GET", "/api/processing/");
    showWork(Object.fromEntries(steps.map((step) => [step.step, step])));
  } catch {
    work.hidden = true; // only an indicator: the page of the processing says what is wrong
  }
}
socket.addEventListener("steps", (event) => showWork(event.detail.steps));
socket.addEventListener("connected", readWork);
socket.addEventListener("reconnected", readWork);

// -- Keys --------------------------------------------------------------------------------------------------------------
bind("/", gettext("Search"), () => document.getElementById("find").focus());
bind("?", gettext("Show the keys"), showKeys);
bind("u", gettext("Upload"), () => document.querySelector("[data-upload]").click());
