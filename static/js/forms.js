// Forms that are sent to the API: what is wrong is said beside its field, and the form keeps what was typed.

export function send(form, action) {
  const status = form.querySelector("[role=status]");
  const button = form.querySelector("[type=submit]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clear(form);
    button.disabled = true;
    status.textContent = "";
    status.className = "small quiet";
    try {
      const said = await action(valuesOf(form));
      status.textContent = said || "";
      if (said) setTimeout(() => (status.textContent = ""), 3000);
    } catch (error) {
      const beside = (error.errors || []).filter(({ field, detail }) => mark(form, field, detail));
      if (!beside.length || beside.length < (error.errors || []).length) {
        status.textContent = error.errors?.find((each) => !beside.includes(each))?.detail || error.message;
        status.className = "small bad";
      }
    } finally {
      button.disabled = false;
    }
    form.querySelector('[aria-invalid="true"]')?.focus();
  });
}

/** Names that occur as checkboxes become lists; everything else is text. */
function valuesOf(form) {
  const values = {};
  for (const field of form.elements) {
    if (!field.name) continue;
    if (field.type === "checkbox") {
      values[field.name] ||= [];
      if (field.checked) values[field.name].push(field.value);
    } else {
      values[field.name] = field.value;
    }
  }
  return values;
}

function mark(form, name, detail) {
  const field = form.elements[String(name).split(".")[0]];
  const first = field instanceof RadioNodeList ? field[0] : field;
  if (!first) return false;
  const text = document.createElement("span");
  text.className = "error";
  text.id = `${first.id}-error`;
  text.textContent = detail;
  first.setAttribute("aria-invalid", "true");
  first.setAttribute("aria-describedby", text.id);
  (first.closest("fieldset, p") || first.parentElement).append(text);
  return true;
}

function clear(form) {
  form.querySelectorAll(".error").forEach((node) => node.remove());
  form.querySelectorAll("[aria-invalid]").forEach((field) => {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  });
}
