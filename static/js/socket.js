// One socket a page. What comes over it is a hint: after a break "reconnected" asks everybody to read the rows again.

export const socket = new EventTarget();

const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
const SIGNED_OUT = 4401;
const PING_EVERY = 25_000;

let connection = null;
let wait = FIRST_WAIT;
let timer = null;
let lost = false;

function open() {
  clearTimeout(timer);
  if (connection && connection.readyState <= WebSocket.OPEN) return;
  const address = new URL("/ws/", location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  const mine = new WebSocket(address);
  connection = mine;
  mine.addEventListener("message", (event) => {
    const message = JSON.parse(event.data);
    if (message.type === "ready") {
      wait = FIRST_WAIT;
      socket.dispatchEvent(new CustomEvent(lost ? "reconnected" : "connected"));
      lost = false;
    } else {
      socket.dispatchEvent(new CustomEvent(message.type, { detail: message }));
    }
  });
  mine.addEventListener("close", (event) => {
    if (mine !== connection) return;
    lost = true;
    if (event.code === SIGNED_OUT) {
      socket.dispatchEvent(new CustomEvent("signed-out"));
      location.assign(`${document.documentElement.dataset.login}?next=${encodeURIComponent(location.pathname + location.search)}`);
      return;
    }
    socket.dispatchEvent(new CustomEvent("lost"));
    // Between half and all of the wait, so that a restarted server is not met by everybody at once.
    timer = setTimeout(open, wait * (0.5 + Math.random() / 2));
    wait = Math.min(wait * 2, LONGEST_WAIT);
  });
}

/** A page in the browser's back-forward cache must not hold a socket; coming back is a reconnection. */
addEventListener("pagehide", () => {
  clearTimeout(timer);
  const old = connection;
  connection = null;
  old?.close();
});
addEventListener("pageshow", (event) => {
  if (event.persisted) {
    lost = true;
    open();
  }
});
addEventListener("online", open);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && open());
setInterval(() => connection?.readyState === WebSocket.OPEN && connection.send('{"type":"ping"}'), PING_EVERY);

open();
