// Talking to the API: JSON both ways, and errors as sentences for people.

export class ApiError extends Error {
  constructor(status, problem) {
    super(problem?.detail || problem?.title || unanswered(status));
    this.status = status;
    this.problem = problem;
    this.errors = problem?.errors || []; // { field, detail } each
  }
}

/** Why nothing useful came back and what to do. Status 0: there was no answer at all. */
function unanswered(status) {
  if (!status) return gettext("MediaHub could not be reached. Check the connection and try again.");
  if (status >= 500) return interpolate(gettext("MediaHub could not answer (error %s). Your connection works; try again in a moment."), [status]);
  return interpolate(gettext("MediaHub did not accept this (error %s). Load the page again."), [status]);
}

export function csrfToken() {
  return document.querySelector('meta[name="csrf-token"]').content;
}

/** Resolves to the answer's JSON, null for an empty answer. Rejects with ApiError; status 0: there was no answer. */
export async function api(method, address, body, options = {}) {
  const headers = { Accept: "application/json", ...(method === "GET" ? {} : { "X-CSRFToken": csrfToken() }) };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(address, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal: options.signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0);
  }
  const answer = await read(response);
  if (!response.ok) throw new ApiError(response.status, answer);
  return answer;
}

async function read(response) {
  if (!/json/.test(response.headers.get("Content-Type") || "")) return null;
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return null;
  }
}

/** Every item of a list that comes in pages. */
export async function all(address) {
  const items = [];
  for (let next = address; next; ) {
    const page = await api("GET", next);
    if (Array.isArray(page)) return page;
    items.push(...page.items);
    next = page.next && new URL(page.next, location.href).pathname + new URL(page.next, location.href).search;
  }
  return items;
}
