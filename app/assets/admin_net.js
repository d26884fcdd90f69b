// The owner's page. These scripts run together, once, when the component is mounted, with Gradio's `element`.
// Text from people is only ever set as textContent; the one piece of HTML is a guideline that the server has
// rendered and made harmless. What is shown always comes from the server's last answer.

const KEPT_CAMPAIGN = "specs-lens-owner-campaign";
const h = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value") node.value = value;
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
};
const s = (tag, attributes, ...children) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
};
const find = (selector) => element.querySelector(selector);
const key = (label) => h("kbd", { "aria-hidden": "true" }, label);
const keep = (name, value) => { try { localStorage.setItem(name, value); } catch { /* private window */ } };
const kept = (name) => { try { return localStorage.getItem(name) || ""; } catch { return ""; } };

// What the page knows: who is signed in, the campaigns, the chosen one, and the open section.
const state = { me: null, campaigns: [], criteria: {}, defaults: {}, campaign: null, section: "progress",
  turn: 0 };

class Refusal extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

const request = async (path, options) => {
  let reply;
  try {
    reply = await fetch(path, options);
  } catch {
    throw new Refusal(0, "The server does not answer. Look whether it runs, and try again.");
  }
  const content = await reply.json().catch(() => ({}));
  if (reply.ok) return content;
  throw new Refusal(reply.status, content.problem || content.detail
    || `The server answered with ${reply.status}. Try again.`);
};
const read = (name, query = {}) => request(`/admin/${name}?${new URLSearchParams(query)}`, {});
const sendJson = (path, body, method = "POST") => request(path,
  { method, headers: { "content-type": "application/json" },
  body: JSON.stringify(body) });
const act = (name, body) => sendJson(`/admin/${name}`, body);

// ---------------------------------------------------------------- telling

const say = (text, tone = "ok") => {
  const line = find("#admin-status");
  if (!line) return;
  line.textContent = text;
  line.dataset.tone = tone;
};

// Does something that may be refused; whoever has been signed out meanwhile is asked for a code.
const attempt = async (work, button = null) => {
  if (button) button.disabled = true;
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.status === 401) signIn(error.message);
    else say(error.message, "bad");
    return undefined;
  } finally {
    if (button) button.disabled = false;
  }
};

// ---------------------------------------------------------------- words and small parts

const when = (iso) => {
  if (!iso) return "never";
  const moment = new Date(iso);
  const year = moment.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" };
  return moment.toLocaleString([], { ...year, month: "short", day: "numeric", hour: "2-digit",
    minute: "2-digit" });
};
const day = (iso) => new Date(`${iso}T12:00:00Z`).toLocaleDateString([], { month: "short", day: "numeric" });
const whole = (number) => number.toLocaleString();
const signed = (number) => number.toFixed(2).replace("-", "−");
const share = (part, all) => (all ? `${Math.round((100 * part) / all)} %` : "none yet");
const plural = (number, one, many = `${one}s`) => `${whole(number)} ${number === 1 ? one : many}`;
const text = (value, cls = "") => h("span", { dir: "auto", class: cls }, value);

const card = (title, ...children) => h("section", { class: "ra-card" },
  h("div", { class: "ra-head" }, h("h3", {}, title)),
  ...children);
const soft = (...children) => h("p", { class: "ra-soft" }, ...children);
const fact = (name, ...value) => h("div", { class: "ra-row" }, h("span", {}, name), h("b", {}, ...value));
const button = (label, onclick, attributes = {}) =>
  h("button", { type: "button", class: "ra-btn", ...attributes, onclick }, label);
const field = (label, input, hint = "") => h("label", { class: "ad-field" }, h("span", {}, label), input,
  hint ? h("span", { class: "ra-soft" }, hint) : null);
const number = (value, low, high, attributes = {}) => h("input",
  { type: "number", min: String(low), max: String(high),
  step: "1", required: true, value: String(value), ...attributes });
const check = (label, checked, attributes = {}) => {
  const box = h("input", { type: "checkbox", ...attributes });
  box.checked = checked;
  return h("label", { class: "ad-check" }, box, h("span", {}, label));
};
const select = (choices, value, attributes = {}) => {
  const node = h("select", attributes, choices.map(([name, label]) => h("option", { value: name }, label)));
  node.value = value;
  return node;
};
// A table that becomes one block a row on a narrow screen, where each cell says what it is.
const table = (names, rows, attributes = {}) => h("table", { class: "ad-table", ...attributes },
  h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name)))),
  h("tbody", {}, rows.map((row) => h("tr", row.attributes ?? {}, row.cells.map((cell, index) => {
    const attributesOfCell = { "data-label": typeof names[index] === "string" ? names[index]
      : names[index].textContent };
    return index ? h("td", attributesOfCell, cell) : h("th", { scope: "row", ...attributesOfCell }, cell);
  })))));
