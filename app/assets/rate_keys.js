// The keys: what each does and where, which keys the rater has given it, and the dialog that changes them.

// Where a key holds: on the form of a caption, of a battle, on the page after the submission.
const FORM = ["caption", "battle"];
const PAGES = [...FORM, "receipt"];
// Name, what it does, keys, where it holds.
const ACTIONS = [
  ["supported", "unit is supported", ["s"], ["caption"]],
  ["hallucinated", "unit is hallucinated", ["h"], ["caption"]],
  ["unsure", "unsure of the unit", ["u"], ["caption"]],
  ["down", "next unit or scale", ["j"], FORM],
  ["up", "unit or scale before", ["k"], FORM],
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 0].map((digit) => [`answer${digit}`, `answer ${digit || "0 or 10"} of a scale`,
    [String(digit)], ["caption"]]),
  ["left", "caption A is better", ["a"], ["battle"]],
  ["right", "caption B is better", ["b"], ["battle"]],
  ["tie", "tie", ["t"], ["battle"]],
  ["poor", "both are poor", ["p"], ["battle"]],
  ["submit", "submit", ["Enter"], FORM],
  ["next", "next caption", ["n"], PAGES],
  ["undo", "undo a step; after the submission, take it back", ["z"], PAGES],
  ["skip", "skip with a reason", ["x"], FORM],
  ["back", "back to what you rated", ["Backspace", "["], PAGES],
  ["help", "instructions and keys", ["?"], PAGES],
  ["whole", "whole image", ["0"], PAGES],
].map(([name, what, keys, where]) => ({ name, what, keys, where }));
// On the row of a scale 0 is an answer, elsewhere the whole image: the two may share a key.
const sharing = new Set(["answer0", "whole"]);

let changedKeys = recall("keys", {});
const keysOf = (name) => changedKeys[name] ?? ACTIONS.find((action) => action.name === name).keys;
const normal = (pressed) => (pressed.length === 1 ? pressed.toLowerCase() : pressed);
const NAMES = { " ": "Space", ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→" };
const keyLabel = (pressed) => NAMES[pressed] ?? (pressed.length === 1 ? pressed.toUpperCase() : pressed);
const cap = (label) => h("kbd", { "aria-hidden": "true" }, label);
// The key of an action as it stands on a button; it changes with the settings.
const key = (name) => h("kbd", { "aria-hidden": "true", "data-key": name }, keyLabel(keysOf(name)[0]));
const showKeys = () => {
  for (const node of document.querySelectorAll("#rate-form [data-key]")) {
    node.textContent = keyLabel(keysOf(node.dataset.key)[0]);
  }
};

// ---------------------------------------------------------------- changing them

const CANNOT_BE = new Set(["Escape", "Tab", "Shift", "Control", "Alt", "Meta", "AltGraph", "CapsLock", "Dead", "Process",
  "Unidentified", " ", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"]);
const takenBy = (name, pressed) => {
  const mine = ACTIONS.find((action) => action.name === name);
  return ACTIONS.find((other) => other.name !== name && keysOf(other.name).includes(pressed)
    && other.where.some((place) => mine.where.includes(place))
    && !(sharing.has(name) && sharing.has(other.name)));
};
const giveKey = (name, pressed) => {
  if (CANNOT_BE.has(pressed)) return `${keyLabel(pressed)} is needed to move about the page; press another key.`;
  const other = takenBy(name, pressed);
  if (other) return `${keyLabel(pressed)} is “${other.what}” already; give that another key first.`;
  changedKeys = { ...changedKeys, [name]: [pressed] };
  keep("keys", changedKeys);
  showKeys();
  return "";
};

const keySettings = () => {
  let waiting = null;
  const note = h("p", { id: "rate-keys-note", role: "status", class: "ra-note" });
  const tell = (text) => { note.textContent = text; };
  const stop = () => { if (waiting) { waiting.dataset.waiting = ""; waiting.replaceChildren(...labels(waiting.name)); waiting = null; } };
  const labels = (name) => keysOf(name).map((one) => cap(keyLabel(one)));
  const rowOf = (action) => {
    const change = h("button", { type: "button", class: "ra-btn", name: action.name, "aria-label":
      `Key for ${action.what}: ${keysOf(action.name).map(keyLabel).join(" or ")}`, onclick: () => {
      stop();
      waiting = change;
      change.dataset.waiting = "yes";
      change.replaceChildren("press a key");
      tell(`Press the key for “${action.what}”, or Escape to leave it.`);
    } }, ...labels(action.name));
    return h("div", { class: "ra-row" }, h("span", {}, action.what), change);
  };
  const list = h("div", { class: "ra-key-list" });
  const fill = () => list.replaceChildren(...ACTIONS.map(rowOf));
  fill();
  const node = dialog("rate-key-settings", "Keys", h("h2", {}, "Keys"),
    h("p", { class: "ra-soft" }, "Press a button, then the new key. They are kept in this browser."), note, list,
    h("div", { class: "ra-inline" },
      h("button", { class: "ra-go", type: "button", id: "rate-keys-done", onclick: () => node.close() }, "Done"),
      button("Reset to defaults", () => {
        changedKeys = {};
        keep("keys", null);
        fill();
        showKeys();
        tell("Every key is as it was at first.");
      }, { id: "rate-keys-reset" })));
  node.addEventListener("keydown", (event) => {
    if (!waiting || event.ctrlKey || event.altKey || event.metaKey) return;
    if (["Shift", "Control", "Alt", "Meta", "AltGraph"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    const { name } = waiting;
    if (event.key === "Escape") { stop(); tell("Left as it was."); return; }
    const problem = giveKey(name, normal(event.key));
    if (problem) { tell(problem); return; }
    tell(`“${ACTIONS.find((action) => action.name === name).what}” is ${keyLabel(keysOf(name)[0])} now.`);
    const at = ACTIONS.findIndex((action) => action.name === name);
    fill();
    waiting = null;
    list.querySelectorAll("button")[at].focus();
  });
  // Escape closes a dialog; while a key is awaited it only ends the waiting.
  node.addEventListener("cancel", (event) => { if (waiting) { event.preventDefault(); stop(); } });
  find("#rate-keys-done").focus();
};

// ---------------------------------------------------------------- pressing them

const place = () => (!form ? null : form.receipt ? "receipt" : view.kind);
const acts = {
  supported: () => giveVerdict("supported"),
  hallucinated: () => giveVerdict("hallucinated"),
  unsure: () => giveVerdict("unsure"),
  down: () => moveTo(form.cursor + 1),
  up: () => moveTo(form.cursor - 1),
  left: () => pickWinner("left"),
  right: () => pickWinner("right"),
  tie: () => pickWinner("tie"),
  poor: () => togglePoor(),
  submit: () => submit(),
  next: () => (form.receipt || form.finished ? next() : false),
  undo: () => (form.receipt ? takeBack() : undo()),
  skip: () => (find("#rate-skip") ? askReason() : false),
  back: () => showHistory(),
  help: () => help(),
  whole: () => zoomReset(),
};
for (const digit of "0123456789") acts[`answer${digit}`] = () => giveAnswer(Number(digit));

document.addEventListener("keydown", (event) => {
  const where = place();
  if (!where || !isVisible() || isDialogOpen() || event.altKey || event.metaKey || event.isComposing) return;
  const target = event.target;
  const isNumber = target.tagName === "INPUT" && target.type === "number";
  const isText = target.isContentEditable || target.tagName === "TEXTAREA" || target.tagName === "SELECT"
    || (target.tagName === "INPUT" && !["radio", "checkbox", "range", "number"].includes(target.type));
  if (event.key === "Enter" && event.ctrlKey && !event.repeat && where !== "receipt") {
    event.preventDefault();
    submit();
    return;
  }
  if (isText || event.ctrlKey || (isNumber && (/^[-+.,\d]$/.test(event.key) || ["Backspace", "Delete"].includes(event.key)))) return;
  const isPressed = ["Enter", " "].includes(event.key) && ["BUTTON", "A", "SUMMARY"].includes(target.tagName);
  // A key that is held down submits once, and does not go on to the next caption either.
  if (event.repeat && event.key === "Enter") { event.preventDefault(); return; }
  if (isPressed) return;
  const pressed = normal(event.key);
  for (const action of ACTIONS) {
    if (!action.where.includes(where) || !keysOf(action.name).includes(pressed)) continue;
    if (acts[action.name]() === false) continue;
    event.preventDefault();
    return;
  }
});
