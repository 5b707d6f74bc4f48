// The settings: everything is read from the API and changed through it.

import { all, api } from "./api.js";
import { say, setTheme } from "./app.js";
import { day, moment } from "./dates.js";
import { send } from "./forms.js";
import { socket } from "./socket.js";

const language = document.documentElement.lang;
const numbers = new Intl.NumberFormat(language);
const form = (name) => document.querySelector(`[data-form="${name}"]`);
const list = (name) => document.querySelector(`[data-list="${name}"]`);
const fill = (text, values) => interpolate(text, values, true);

/** A list of the page: `row` fills a copy of the template for each item. */
async function show(name, address, template, row, empty) {
  const place = list(name);
  if (!place) return [];
  try {
    const items = await all(address);
    place.replaceChildren(...items.map((item) => {
      const node = document.getElementById(template).content.firstElementChild.cloneNode(true);
      row(node, item, (part) => node.querySelector(`[data-${part}]`));
      return node;
    }));
    if (!items.length) place.replaceChildren(note(empty));
    return items;
  } catch (error) {
    place.replaceChildren(note(error.message, "bad"));
    return [];
  } finally {
    place.removeAttribute("aria-busy");
  }
}

function note(text, kind = "quiet") {
  const node = document.createElement("li");
  node.className = kind;
  node.textContent = text;
  return node;
}

/** A button that does something to its row; what went wrong is said, and the button can be pressed again. */
function on(node, name, action) {
  const button = node.querySelector(`[data-do="${name}"]`);
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await action();
    } catch (error) {
      say(error.message);
    }
    button.disabled = false;
  });
}

// -- Appearance, account -------------------------------------------------------------------------------------------------
document.getElementById("themes").addEventListener("change", (event) => setTheme(event.target.value));
document.getElementById("row-height").addEventListener("change", async (event) => {
  try {
    await api("PATCH", "/api/account/", { row_height: Number(event.target.value) });
    document.documentElement.dataset.rowHeight = event.target.value;
  } catch (error) {
    say(error.message);
  }
});
send(form("profile"), async ({ name, email }) => {
  await api("PATCH", "/api/account/", { name, email });
  return gettext("Saved");
});

// -- Libraries -------------------------------------------------------------------------------------------------------------
const KINDS = { personal: gettext("yours alone"), shared: gettext("shared"), folder: gettext("folder, read only") };
const ROLES = { viewer: gettext("sees"), editor: gettext("changes"), owner: gettext("owns") };

function libraries() {
  return show("libraries", "/api/libraries/", "library-row", (node, library, part) => {
    part("name").textContent = library.name;
    part("name").href = `/?library=${library.id}`;
    part("kind").textContent = KINDS[library.kind];
    const about = [interpolate(ngettext("%s photo", "%s photos", library.assets), [numbers.format(library.assets)])];
    if (library.role !== "owner") about.push(fill(gettext("you: %(role)s"), { role: ROLES[library.role] }));
    if (library.folder) about.push(library.folder);
    if (library.scanned_at) about.push(fill(gettext("scanned %(when)s"), { when: moment(library.scanned_at) }));
    part("about").textContent = about.join(" · ");
    if (library.unreachable_since) {
      const gone = document.createElement("span");
      gone.className = "bad";
      gone.textContent = ` · ${fill(gettext("not reachable since %(when)s; what was found in it is kept"), { when: moment(library.unreachable_since) })}`;
      part("about").append(gone);
    }
    if (library.kind === "folder" && library.role === "owner") {
      on(node, "scan", async () => {
        await api("POST", `/api/libraries/${library.id}/scan/`, {});
        say(gettext("The folder is being looked through."));
      });
    }
    if (library.kind !== "personal") on(node, "members", () => members(library));
  });
}

let opened = null;
async function members(library) {
  opened = library;
  const dialog = document.getElementById("members");
  const mine = library.role === "owner";
  dialog.querySelector("h2").textContent = library.name;
  form("rename").elements.name.value = library.name;
  for (const each of ["rename", "share"]) form(each).hidden = !mine;
  dialog.querySelectorAll("hr").forEach((line) => (line.hidden = !mine));
  if (!dialog.open) dialog.showModal();
  await show("members", `/api/libraries/${library.id}/members/`, "member-row", (node, member, part) => {
    part("name").textContent = member.name || member.username;
    part("username").textContent = member.name ? member.username : "";
    part("role").textContent = ROLES[member.role];
    const button = node.querySelector("[data-do]");
    button.hidden = !mine;
    if (mine) on(node, "unshare", async () => {
      await api("DELETE", `/api/libraries/${library.id}/members/${member.user}/`);
      await members(library);
    });
  }, gettext("Nobody yet"));
}

send(form("rename"), async ({ name }) => {
  opened = await api("PATCH", `/api/libraries/${opened.id}/`, { name });
  document.getElementById("members-title").textContent = name;
  libraries();
  return gettext("Saved");
});
send(form("share"), async ({ username, role }) => {
  await api("POST", `/api/libraries/${opened.id}/members/`, { username, role });
  form("share").reset();
  await members(opened);
  return gettext("Shared");
});
send(form("library"), async ({ name }) => {
  await api("POST", "/api/libraries/", { name });
  form("library").reset();
  await libraries();
  return gettext("Made");
});

// -- Sessions ----------------------------------------------------------------------------------------------------------------
/** "Firefox on Linux": enough to know one's own devices by. */
function device(agent) {
  const browser = [["Edg/", "Edge"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]].find(([mark]) => agent.includes(mark));
  const system = [["iPhone", "iPhone"], ["iPad", "iPad"], ["Android", "Android"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]].find(([mark]) => agent.includes(mark));
  if (browser && system) return fill(gettext("%(browser)s on %(system)s"), { browser: browser[1], system: system[1] });
  return agent.slice(0, 60) || gettext("Unknown device");
}

async function sessions() {
  const items = await show("sessions", "/api/account/sessions/", "session-row", (node, session, part) => {
    part("name").textContent = device(session.user_agent);
    part("name").title = session.user_agent;
    part("here").hidden = !session.is_current;
    part("about").textContent = `${session.ip || ""} · ${fill(gettext("since %(since)s, last seen %(seen)s"), { since: day(session.created_at), seen: moment(session.last_seen_at) })}`;
    node.querySelector("[data-do]").hidden = session.is_current;
    if (!session.is_current) on(node, "end", async () => {
      await api("DELETE", `/api/account/sessions/${session.id}/`);
      node.remove();
    });
  }, gettext("Only here"));
  document.getElementById("end-others").hidden = items.length < 2;
}

document.getElementById("end-others").addEventListener("click", async () => {
  try {
    await api("DELETE", "/api/account/sessions/others/");
    say(gettext("You are signed out everywhere else."));
  } catch (error) {
    say(error.message);
  }
  sessions();
});

// -- Keys ----------------------------------------------------------------------------------------------------------------------
function keys() {
  return show("keys", "/api/account/keys/", "key-row", (node, key, part) => {
    part("name").textContent = key.name;
    part("prefix").textContent = `mh_${key.prefix}_…`;
    const ends = key.expires_at ? fill(gettext("ends %(when)s"), { when: day(key.expires_at) }) : gettext("never ends");
    const used = key.last_used_at ? fill(gettext("last used %(when)s"), { when: moment(key.last_used_at) }) : gettext("never used");
    part("about").textContent = [key.scopes.join(", "), ends, used].join(" · ");
    on(node, "revoke", async () => {
      await api("DELETE", `/api/account/keys/${key.id}/`);
      await keys();
    });
  }, gettext("No keys"));
}

send(form("key"), async ({ name, scopes, days }) => {
  const expires = days ? new Date(Date.now() + Number(days) * 86_400_000).toISOString() : null;
  const key = await api("POST", "/api/account/keys/", { name, scopes, expires_at: expires });
  form("key").reset();
  form("key").closest("details").open = false;
  tell(fill(gettext("The key “%(name)s”"), { name }), key.secret);
  await keys();
});

function tell(title, text) {
  const dialog = document.getElementById("secret");
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector("code").textContent = text;
  dialog.showModal();
}
document.getElementById("secret").addEventListener("close", (event) => (event.target.querySelector("code").textContent = ""));
document.getElementById("copy-secret").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(document.querySelector("#secret code").textContent);
    say(gettext("Copied."), 2);
  } catch {
    getSelection().selectAllChildren(document.querySelector("#secret code"));
    say(gettext("The browser did not allow copying. It is selected: copy it with the keyboard."));
  }
});

// -- People ----------------------------------------------------------------------------------------------------------------------
const INVITED = {
  open: [gettext("waiting"), "warn"], accepted: [gettext("came in"), "good"],
  taken_back: [gettext("taken back"), ""], over: [gettext("too late"), ""],
};

function invitations() {
  return show("invitations", "/api/invitations/", "invitation-row", (node, invitation, part) => {
    const [state, kind] = INVITED[invitation.state];
    part("name").textContent = invitation.name;
    part("state").textContent = state;
    if (kind) part("state").classList.add(kind);
    const open = invitation.state === "open";
    part("about").textContent = open
      ? fill(gettext("the link works until %(when)s"), { when: moment(invitation.expires_at) })
      : fill(gettext("invited %(when)s"), { when: day(invitation.created_at) });
    if (open) on(node, "take-back", async () => {
      await api("DELETE", `/api/invitations/${invitation.id}/`);
      await invitations();
    });
  }, gettext("Nobody was invited yet"));
}

if (form("invitation")) {
  send(form("invitation"), async ({ name, role, days }) => {
    const made = await api("POST", "/api/invitations/", { name, role, days: Number(days) });
    form("invitation").reset();
    form("invitation").closest("details").open = false;
    tell(fill(gettext("The link for %(name)s"), { name }), made.link);
    await invitations();
  });
}

// -- System ------------------------------------------------------------------------------------------------------------------------
const UNITS = ["B", "kB", "MB", "GB", "TB"];
function bytes(count) {
  const power = count ? Math.min(UNITS.length - 1, Math.floor(Math.log10(count) / 3)) : 0;
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: power > 2 ? 1 : 0 }).format(count / 1000 ** power)} ${UNITS[power]}`;
}

function fact(name, ...values) {
  const term = document.createElement("dt");
  term.textContent = name;
  const meaning = document.createElement("dd");
  meaning.append(...values);
  return [term, meaning];
}

function pill(text, good) {
  const node = document.createElement("span");
  node.className = `pill ${good === undefined ? "" : good ? "good" : "bad"}`;
  node.textContent = text;
  return node;
}

const spaced = (nodes) => nodes.flatMap((node) => [node, " "]);
const words = (name) => name.replaceAll("_", " ");

async function system() {
  const place = document.querySelector("[data-status]");
  try {
    const status = await api("GET", "/api/status/");
    const lines = [fact(gettext("Version"), status.version)];
    if (status.disk_free_bytes !== undefined) {
      lines.push(fact(gettext("Free space"), bytes(status.disk_free_bytes), " ",
        ...(status.disk_free_bytes < status.disk_reserve_bytes ? [pill(gettext("uploads are refused"), false)] : [])));
    }
    if (status.database) lines.push(fact(gettext("Database"), `${status.database}, ${bytes(status.database_bytes)}`));
    const workers = status.workers || [];
    lines.push(fact(gettext("Workers"), ...(workers.length
      ? spaced(workers.map((worker) => pill(worker.is_alive ? worker.lane : fill(gettext("%(lane)s, silent"), worker), worker.is_alive)))
      : [pill(gettext("none is running: pictures wait"), false)])));
    const sandbox = workers.find((worker) => Object.keys(worker.sandbox || {}).length)?.sandbox;
    if (sandbox) {
      const layers = Object.entries(sandbox).filter(([, holds]) => typeof holds === "boolean");
      lines.push(fact(gettext("Sandbox"), ...spaced(layers.map(([name, holds]) => pill(words(name), holds)))));
    }
    const models = Object.assign({}, ...workers.map((worker) => worker.models || {}));
    if (Object.keys(models).length) {
      lines.push(fact(gettext("Models"), ...Object.entries(models).map(([role, state]) => {
        const line = document.createElement("div");
        line.textContent = `${words(role)}: ${typeof state === "object" ? Object.values(state).join(", ") : state}`;
        return line;
      })));
    }
    for (const trouble of status.troubles || []) lines.push(fact(gettext("Needs attention"), trouble));
    place.replaceChildren(...lines.flat());
  } catch (error) {
    place.replaceChildren(...fact(gettext("Status"), error.message));
  }
  place.removeAttribute("aria-busy");
}

libraries();
sessions();
keys();
invitations();
system();
socket.addEventListener("reconnected", system);
