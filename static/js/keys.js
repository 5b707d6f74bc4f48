// Keys of a page. Every one has a label; "?" lists those that are valid here.

const bound = [];

/** `keys`: names as in KeyboardEvent.key, separated by spaces. The action may return false to leave the key alone. */
export function bind(keys, label, action, shown = keys) {
  bound.push({ keys: keys.split(" "), label, action, shown });
}

export function showKeys() {
  const dialog = document.getElementById("keys");
  const list = dialog.querySelector("dl");
  list.replaceChildren();
  for (const { label, shown } of bound) {
    if (!label) continue;
    const term = document.createElement("dt");
    shown.split(" ").forEach((key) => {
      const cap = document.createElement("kbd");
      cap.textContent = key;
      term.append(cap);
    });
    const meaning = document.createElement("dd");
    meaning.textContent = label;
    list.append(term, meaning);
  }
  dialog.showModal();
}

function isTyping(element) {
  return element?.closest?.("input:not([type=range], [type=checkbox], [type=radio]), textarea, select, [contenteditable]");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const arrows = event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End";
  if (arrows && event.target.closest?.("[role=slider], [role=tablist], input, summary")) return;
  const found = bound.findLast(({ keys, action }) => action && keys.includes(event.key));
  if (found && found.action(event) !== false) event.preventDefault();
});
