// One unit is chosen at a time: in the curve, in the caption, in the table and in the picture at once.

// ---------------------------------------------------------------- the lines to the server

const ANSWER_SECONDS = 60;   // a step of longer work counts as an answer
const waiting = new Map();   // by line: the number of the last question, while it is open, and the timer that gives up
let questions = 0;
const answerIn = (name, value) => document.dispatchEvent(new CustomEvent(`lens-answer-${name}`, { detail: value }));
const isOpen = (name) => waiting.has(name);
const giveUp = (name) => {
  clearTimeout(waiting.get(name)?.timer);
  waiting.delete(name);
};
const waitFor = (name, number) => {
  giveUp(name);
  const timer = setTimeout(() => answerIn(name, { view: "problem", problem: "The server has not answered; try again.", ask: number }),
    ANSWER_SECONDS * 1000);
  waiting.set(name, { number, timer });
};
// Says something on a line on which no answer comes.
const tell = (name, detail = {}) => {
  const told = { serial: base?.serial ?? "", ...detail };
  // While the page starts, the line may not be there yet.
  const send = () => {
    if (window.lensLines?.has(name)) document.dispatchEvent(new CustomEvent(`lens-ask-${name}`, { detail: told }));
    else setTimeout(send, 50);
  };
  send();
};
const ask = (name, detail = {}) => {
  questions += 1;
  waitFor(name, questions);
  tell(name, { ask: questions, ...detail });
};
// Only the answer to the last question is heard, and what nobody asked for (another threshold) while none is open. An
// answer on what the page no longer shows is dropped.
const hear = (name, act) => document.addEventListener(`lens-answer-${name}`, (event) => {
  const value = event.detail;
  if (!value || typeof value !== "object" || (value.serial !== undefined && value.serial !== base?.serial)) return;
  if ((value.ask ?? null) !== (waiting.get(name)?.number ?? null)) return;
  if (value.step && value.ask) waitFor(name, value.ask); else giveUp(name);
  act(value);
});
// Parts are made anew when something changes; the keyboard stays where it was.
const keepFocus = (act) => {
  const before = document.activeElement;
  const unit = before?.closest?.("#units [data-unit]")?.dataset.unit;
  act();
  if (before === null || before === document.body || before.isConnected) return;
  const now = before.id ? document.getElementById(before.id) : unit === undefined ? null : document.querySelector(`#units [data-unit="${unit}"]`);
  now?.focus({ preventScroll: true });
};

// ---------------------------------------------------------------- choosing a unit

const mark = () => {
  for (const node of document.querySelectorAll("#inspect-results [data-unit]")) {
    const index = Number(node.dataset.unit);
    node.classList.toggle("lens-chosen", index === chosen);
    node.classList.toggle("lens-hovered", index === hovered);
    if (node.getAttribute("role") === "option") {
      node.setAttribute("aria-selected", String(index === chosen));
      node.tabIndex = index === (chosen ?? 0) ? 0 : -1;
    }
  }
  for (const band of document.querySelectorAll("#curve .shapelayer path[data-index]")) {
    const index = Number(band.dataset.index);
    band.classList.toggle("lens-band-chosen", index === chosen);
    band.classList.toggle("lens-band-hovered", index === hovered && index !== chosen);
  }
};
const choose = (index) => {
  if (!inRange(index)) return;
  chosen = index;
  keepFocus(showDetails);
  mark();
  showHeat();
  rememberView();
};
const hover = (index) => {
  if (index === hovered) return;
  hovered = index;
  mark();
};
const links = (index) => ({
  "data-unit": index,
  onclick: () => choose(index),
  onmouseenter: () => hover(index),
  onmouseleave: () => hover(null),
});
const focusUnit = () => document.querySelector(`#units [data-unit="${chosen}"]`)?.focus();
const stepTo = (key) => {
  const last = view.units.length - 1;
  const now = chosen ?? 0;
  const places = { ArrowRight: now + 1, ArrowDown: now + 1, ArrowLeft: now - 1, ArrowUp: now - 1, Home: 0, End: last };
  return key in places ? Math.min(Math.max(places[key], 0), last) : null;
};
const keyOnUnit = (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const at = Number(event.currentTarget.dataset.unit);
  const place = event.key === "Enter" || event.key === " " ? at : stepTo(event.key);
  if (place === null) return;
  event.preventDefault();
  event.stopPropagation();
  choose(place);
  focusUnit();
};
const typing = (target) => target.closest?.("input, textarea, select, [contenteditable], [role=slider], [role=tab], .lens-surface, dialog");
// Wherever else the keys go, the arrows walk the units and a few keys change them.
const keyOnPage = (event) => {
  if (!view || event.defaultPrevented || typing(event.target) || !element.isConnected) return;
  if (document.getElementById("curve")?.offsetParent === null) return;  // another page is open
  if (event.ctrlKey || event.metaKey) {
    const letter = event.key.toLowerCase();
    if (event.altKey || surfaceIsOpen() || !["z", "y"].includes(letter)) return;
    event.preventDefault();
    if (letter === "y" || event.shiftKey) redoChange(); else undoChange();
    return;
  }
  if (event.altKey || event.shiftKey) return;
  const onUnits = event.target === document.body || event.target.closest?.("#units, #units-table") !== null;
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    event.preventDefault();
    choose(chosen === null ? 0 : stepTo(event.key));
  } else if (onUnits && !event.repeat && inRange(chosen) && !surfaceIsOpen() && ["Delete", "Backspace", "F2", "Insert"].includes(event.key)) {
    event.preventDefault();
    if (event.key === "F2") startEdit(chosen);
    else if (event.key === "Insert") startEdit(chosen, true);
    else toggleUnit(chosen);
  }
};
const surfaceIsOpen = () => document.getElementById("caption-card")?.classList.contains("lens-editing") ?? false;

// ---------------------------------------------------------------- the curve

const unitOf = (event) => event?.points?.find((point) => point.curveNumber === 0)?.pointNumber ?? null;
const bindPlot = (plot) => {
  plot.on("plotly_click", (event) => choose(unitOf(event)));
  plot.on("plotly_hover", (event) => hover(unitOf(event)));
  plot.on("plotly_unhover", () => hover(null));
  plot.on("plotly_afterplot", mark);
  mark();
};

// ---------------------------------------------------------------- together

const deepestDip = () => {
  let deepest = null;
  view.units.forEach((unit, index) => {
    if (unit.dip && (deepest === null || unit.bar > view.units[deepest].bar)) deepest = index;
  });
  return deepest;
};
// In one column the curve lies below the fold of whoever has just pressed Score, and above the units.
const bringCurveIntoSight = () => bringIntoSight("curve-card");
// The editor closes and the plot is drawn only now, and both move the curve: it is kept in sight until the
// page rests or the reader takes over.
const followCurve = () => {
  const over = new AbortController();
  const resized = new ResizeObserver(bringCurveIntoSight);
  over.signal.addEventListener("abort", () => resized.disconnect());
  const until = { signal: over.signal, passive: true };
  for (const event of ["wheel", "touchstart", "keydown", "pointerdown"]) addEventListener(event, () => over.abort(), until);
  addEventListener("scrollend", bringCurveIntoSight, until);
  resized.observe(document.body);
  setTimeout(() => over.abort(), 2000);
};
// Draw whatever is shown of `view`; the curve is drawn by its own component.
const draw = () => keepFocus(() => {
  view = edited ?? base;
  if (!inRange(chosen)) chosen = view && chosen !== null ? view.units.length - 1 : null;
  showHeadline();
  showNotices();
  showCaption();
  document.body.classList.toggle("lens-has-result", view !== null);
  if (view) {
    showDetails();
    showTable();
    if (!host("downloads").childElementCount) showDownloads();
  }
  mark();
});
const show = () => {
  const next = props.value && typeof props.value === "object" ? props.value : null;
  const isNew = next?.serial !== base?.serial;
  if (!isNew && next) next.item ||= base.item;  // it was stored since
  base = next;
  if (isNew) {
    forgetChanges();
    for (const name of [...waiting.keys()]) giveUp(name);
    evidence = null;
    pictureIsScored = true;
    view = base;
    chosen = view ? wantedUnit() ?? deepestDip() : null;
    forgetHeat();
  }
  draw();
  if (base && isNew) {
    ask("evidence");
    followCurve();
    showHeat();
  }
  rememberView();
};
hear("evidence", (value) => {
  const before = evidence;
  if (value.view === "problem") evidence = { serial: base?.serial, units: [], step: null, note: value.problem, f_clip_score: "" };
  else evidence = value;
  // A step changes nothing but how far it is; whoever writes a unit is not disturbed.
  if (editing || (value.step && before?.step)) showStep(); else draw();
  // The threshold was moved meanwhile.
  if (value.view !== "problem" && !value.step && value.threshold !== base.settings.threshold) ask("evidence");
});
