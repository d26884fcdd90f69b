// What every part of the Rate page is built with. The parts run once, as one script, when the component is mounted,
// with Gradio's `element`, `props` and `watch`. Text from people is only ever set as textContent; the one piece of
// HTML is the guideline, which the server makes from Markdown and which can neither run nor load anything.

const page = document.createElement("div");   // what is shown
const over = document.createElement("div");   // the dialogs above it
element.replaceChildren(page, over);

const h = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
};
const find = (selector) => element.querySelector(selector);
const button = (label, act, attributes = {}) => h("button", { class: "ra-btn", type: "button", onclick: () => act(),
  ...attributes }, ...[label].flat());
const isVisible = () => document.contains(element) && element.getClientRects().length > 0;
const many = (count, one, more = `${one}s`) => `${count} ${count === 1 ? one : more}`;

// crypto.randomUUID is missing where the page is served over plain http from another machine.
const newNonce = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
const clock = (iso) => new Date(iso).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = (iso) => (new Date(iso).toDateString() === new Date().toDateString() ? clock(iso)
  : new Date(iso).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }));

// In a private window nothing is kept, and everything works all the same.
const recall = (name, fallback) => {
  try { return JSON.parse(localStorage.getItem(`specs-lens-${name}`)) ?? fallback; } catch { return fallback; }
};
const keep = (name, value) => {
  try {
    if (value === null) localStorage.removeItem(`specs-lens-${name}`);
    else localStorage.setItem(`specs-lens-${name}`, JSON.stringify(value));
  } catch { /* not kept */ }
};

// The one line that says what became of an answer. Its room is always there, so that nothing moves.
const say = (text, tone = "") => {
  const status = find("#rate-status");
  if (status) { status.textContent = text; status.dataset.tone = tone; }
};

const openTab = (name) => {
  const tabs = [...document.querySelectorAll('[role="tab"]')];
  tabs.find((tab) => tab.textContent.trim() === name)?.click();
};

// A dialog over the page; it goes from the document when it is closed, and gives the focus back.
const dialog = (id, label, ...children) => {
  find(`#${id}`)?.close();
  const node = h("dialog", { id, class: "ra-dialog", "aria-label": label }, ...children);
  const before = document.activeElement;
  node.addEventListener("close", () => {
    node.remove();
    if (before && document.contains(before)) before.focus({ preventScroll: true });
  });
  over.append(node);
  node.showModal();
  return node;
};
const isDialogOpen = () => over.querySelector("dialog[open]") !== null;
