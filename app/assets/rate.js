// The rating form. Runs once, when the component is mounted, with Gradio's `element`, `props`, `trigger`,
// `server` and `watch`. Text from people is only ever set as textContent; nothing here is built from HTML.
// Answers live in `form` and in the database: the server's value says which item is open, and is applied only
// when its stamp is new, so that nothing the rater has just chosen is overwritten.

const NAME_KEY = "specs-lens-rater";
const VERDICTS = [["supported", "S"], ["hallucinated", "H"], ["unsure", "U"]];
const SCALES = [
  ["correctness", "Correctness", "nothing false", "much is false", "all true"],
  ["thoroughness", "Thoroughness", "nothing important missing", "most is missing", "all there"],
  ["overall", "Overall", "how good a description", "poor", "excellent"],
];

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
const key = (label) => h("kbd", { "aria-hidden": "true" }, label);
const find = (selector) => element.querySelector(selector);
// crypto.randomUUID is missing where the page is served over plain http from another machine.
const newNonce = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
const remembered = () => { try { return localStorage.getItem(NAME_KEY) || ""; } catch { return ""; } };
const remember = (name) => { try { localStorage.setItem(NAME_KEY, name); } catch { /* private window: ask again */ } };
const clock = (iso) => new Date(iso).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

let value = {};
let form = null;
let history = [];
let curve = null;
let draftTimer = null;
let draftInFlight = Promise.resolve();

// ---------------------------------------------------------------- leaving and entering

const ask = (event, details) => {
  for (const button of element.querySelectorAll("button[data-leaves]")) button.disabled = true;
  trigger(event, details);
  setTimeout(() => {
    for (const button of element.querySelectorAll("button[data-leaves]")) button.disabled = false;
  }, 4000);
};

const signIn = () => {
  const input = h("input", { id: "rate-name", type: "text", maxlength: "80", autocomplete: "username",
    placeholder: "for example r-07", required: true });
  input.value = remembered();
  const enter = (event) => {
    event.preventDefault();
    const name = input.value.trim();
    if (!name) { input.focus(); return; }
    remember(name);
    ask("enter", { rater: name });
  };
  element.replaceChildren(h("div", { class: "ra-narrow" },
    h("form", { class: "ra-card ra-sign", onsubmit: enter },
      h("h2", {}, "Who is rating?"),
      h("p", { class: "ra-soft" },
        "Your name stands beside every answer, and brings back what you began. It is kept in this browser."),
      value.problem ? h("p", { class: "ra-problem", role: "alert" }, value.problem) : null,
      h("label", { for: "rate-name", class: "ra-label" }, "Rater name"),
      h("div", { class: "ra-inline" }, input,
        h("button", { class: "ra-go", type: "submit", "data-leaves": true }, "Start rating"))),
    guideline(h, true)));
};

const leave = () => {
  flushDraft();
  remember("");
  trigger("leave", {});
  value = { view: "sign_in" };
  form = null;
  signIn();
  find("#rate-name").focus();
};

const empty = () => element.replaceChildren(h("div", { class: "ra-narrow" }, h("div", { class: "ra-card ra-empty" },
  h("div", { class: "ra-row" }, h("h2", {}, value.done ? "All done" : "Nothing to rate yet"), raterChip()),
  h("p", {}, value.problem || (value.done
    ? "You have rated every caption that waits for you."
    : "No caption waits for a rating.")),
  h("p", { class: "ra-soft" },
    "Open Inspect, score an image and its caption, then press “Rate this caption”. It joins the queue here."),
  h("div", { class: "ra-inline" },
    h("button", { class: "ra-go", type: "button", "data-leaves": true, onclick: () => openTab("Inspect") },
      "Go to Inspect"),
    h("button", { class: "ra-btn", type: "button", "data-leaves": true, onclick: next }, "Look again"),
    value.done ? h("button", { class: "ra-btn", type: "button", onclick: () => openTab("Analyse") },
      "See the analysis") : null))));

const openTab = (name) => {
  const tabs = [...document.querySelectorAll('[role="tab"]')];
  tabs.find((tab) => tab.textContent.trim() === name)?.click();
};

const next = () => ask("next", { rater: value.rater });

const raterChip = (label = "rater ") => h("span", { class: "ra-chip" }, `${label}${value.rater} · `,
  h("button", { type: "button", class: "ra-link", onclick: leave }, "change"));

// ---------------------------------------------------------------- the form

const isAnswered = (index) => index < value.units.length
  ? form.verdicts[index] !== null
  : form.scales[SCALES[index - value.units.length][0]] !== null;
const rowCount = () => value.units.length + SCALES.length;

const choose = (index, answer) => {
  if (form.receipt) return;
  history.push({ verdicts: [...form.verdicts], scales: { ...form.scales }, cursor: form.cursor });
  if (index < value.units.length) form.verdicts[index] = answer;
  else form.scales[SCALES[index - value.units.length][0]] = answer;
  changed();
};

const changed = () => {
  // A form that may have arrived already must not be sent again under the same nonce with other answers.
  if (form.attempted) { form.nonce = newNonce(); form.attempted = false; }
  form.refused = false;
  paint();
  clearTimeout(draftTimer);
  draftTimer = setTimeout(saveDraft, 350);
};

const undo = () => {
  const before = history.pop();
  if (!before || form.receipt) return;
  form.verdicts = before.verdicts;
  form.scales = before.scales;
  changed();
  moveTo(before.cursor);
};

const moveTo = (index, focus = true) => {
  form.cursor = Math.max(0, Math.min(rowCount() - 1, index));
  paint();
  const row = element.querySelectorAll("[data-row]")[form.cursor];
  row?.scrollIntoView({ block: "nearest" });
  if (focus) (row?.querySelector("input:checked") ?? row?.querySelector("input"))?.focus({ preventScroll: true });
};

const saveDraft = () => {
  clearTimeout(draftTimer);
  draftTimer = null;
  const mine = form;
  // One at a time, in order: an older draft can never land on top of a newer one.
  draftInFlight = draftInFlight.then(async () => {
    if (mine.receipt || mine.submitting) return;
    const reply = await server.save_draft(answersOf(mine)).catch(() => undefined);
    if (form === mine && !mine.receipt && !mine.submitting) {
      // What a submission was refused for stays until the rater has changed something.
      if (reply?.saved_at && !mine.refused) say(`draft saved ${clock(reply.saved_at)} ✓`, "ok");
      else if (!reply?.saved_at) say(reply?.problem ?? "Draft not saved: the server does not answer. Your answers are still here.", "bad");
    }
  });
};
const answersOf = (which) => ({ rater: which.rater, item: which.item, verdicts: which.verdicts, ...which.scales,
  comment: which.comment });
const flushDraft = () => { if (draftTimer !== null && form) saveDraft(); };

const say = (text, tone = "") => {
  const status = find("#rate-status");
  if (status) { status.textContent = text; status.dataset.tone = tone; }
};

const submit = async () => {
  if (!form || form.receipt || form.submitting) return;
  const open = Array.from({ length: rowCount() }, (_, index) => index).filter((index) => !isAnswered(index));
  if (open.length) {
    const units = open.filter((index) => index < value.units.length).length;
    const scales = open.length - units;
    form.refused = true;
    say(["Still open:", units ? `${units} ${units === 1 ? "unit" : "units"}` : "", units && scales ? "and" : "",
      scales ? `${scales} of the three scales` : ""].filter(Boolean).join(" "), "bad");
    moveTo(open[0]);
    return;
  }
  const mine = form;
  mine.submitting = true;
  clearTimeout(draftTimer);
  draftTimer = null;
  say("saving …");
  await draftInFlight;
  mine.attempted = true;
  const reply = await server.submit_rating({ ...answersOf(mine), nonce: mine.nonce }).catch(() => undefined);
  mine.submitting = false;
  if (form !== mine) return;
  if (!reply?.receipt) {
    say(reply?.problem ?? "Not saved: the server does not answer. Your answers are still here; submit again.", "bad");
    return;
  }
  mine.receipt = reply;
  curve = null;
  trigger("reveal", { rater: value.rater, item: value.item });
  render();
  find("#rate-next")?.focus({ preventScroll: true });
  find("#rate-result")?.scrollIntoView({ block: "start" });
};

// The first press asks for a reason, so that a slip of the mouse skips nothing.
const skip = () => {
  const reason = h("input", { type: "text", id: "rate-skip-reason", maxlength: "200", "aria-label": "Reason to skip",
    placeholder: "Why? (optional)" });
  const leave = (event) => {
    event.preventDefault();
    flushDraft();
    ask("skip", { rater: value.rater, item: value.item, reason: reason.value });
  };
  find("#rate-skip").replaceWith(h("form", { class: "ra-inline ra-skip", onsubmit: leave }, reason,
    h("button", { class: "ra-btn", type: "submit", "data-leaves": true }, "Skip this caption")));
  reason.focus();
};

const segment = (index, choices, current, cls) => h("span",
  { class: cls, role: "radiogroup", "aria-label": index < value.units.length
    ? `Unit ${index + 1}: ${value.units[index]}` : SCALES[index - value.units.length][1] },
  ...choices.map(([answer, label, shortcut]) => {
    const input = h("input", { type: "radio", name: `rate-${index}`, "data-answer": String(answer),
      onchange: () => { choose(index, answer); } });
    input.checked = current === answer;
    return h("label", { "data-answer": String(answer) }, input, h("span", {}, label, shortcut ? key(shortcut) : null));
  }));

const rows = () => value.units.map((text, index) => h("div",
  { class: "ra-unit", "data-row": true, onfocusin: () => setCursor(index), onclick: () => setCursor(index) },
  h("span", { class: "ra-number" }, String(index + 1)), h("p", { dir: "auto" }, text),
  h("span", { class: "ra-mark", "data-mark": index }),
  form.receipt
    ? h("span", { class: "ra-verdict", "data-answer": form.verdicts[index] }, form.verdicts[index])
    : segment(index, VERDICTS.map(([name, letter]) => [name, name, letter]), form.verdicts[index], "ra-seg")));

const setCursor = (index) => { if (form && form.cursor !== index) { form.cursor = index; paint(); } };

const scales = () => SCALES.map(([name, label, hint, low, high], offset) => {
  const index = value.units.length + offset;
  const row = h("div", { class: "ra-scale-row", "data-row": true, onfocusin: () => setCursor(index) },
    h("span", {}, label, " ", h("span", { class: "ra-soft" }, hint)),
    form.receipt ? h("b", { class: "ra-given" }, `${form.scales[name]} of 5`)
      : segment(index, [1, 2, 3, 4, 5].map((n) => [n, String(n)]), form.scales[name], "ra-scale"));
  row.title = `1: ${low}, 5: ${high}`;
  return row;
});

const paint = () => {
  element.querySelectorAll("[data-row]").forEach((row, index) => {
    row.classList.toggle("ra-current", !form.receipt && index === form.cursor);
    const answer = index < value.units.length
      ? form.verdicts[index] : form.scales[SCALES[index - value.units.length][0]];
    for (const input of row.querySelectorAll("input")) input.checked = input.dataset.answer === String(answer);
  });
  const done = Array.from({ length: rowCount() }, (_, index) => index).filter(isAnswered).length;
  const bar = find("#rate-bar");
  if (bar) bar.style.width = `${(100 * done) / rowCount()}%`;
  const count = find("#rate-count");
  if (count) count.textContent = `${done} of ${rowCount()}`;
};

const render = () => {
  const result = Boolean(form.receipt);
  const comment = h("textarea", { id: "rate-comment", rows: "1", maxlength: String(value.max_comment), dir: "auto",
    "aria-label": "Comment (optional)", placeholder: "Comment (optional)",
    oninput: (event) => { form.comment = event.target.value; changed(); } });
  comment.value = form.comment;
  element.replaceChildren(h("div", { class: result ? "ra-main ra-after" : "ra-main" },
    h("div", { class: "ra-col ra-side" },
      h("div", { class: "ra-card ra-picture" }, picture(value.image, value.caption)),
      h("div", { class: "ra-card" },
        h("p", { class: "ra-caption", dir: "auto", id: "rate-caption" }, value.caption)),
      h("div", { class: "ra-card ra-who" },
        h("div", { class: "ra-row" }, h("span", {}, "Rater"), raterChip("")),
        h("div", { class: "ra-row" }, h("span", {}, "Rated by you"), h("b", {}, String(value.done + (result && !value.finished ? 1 : 0)))),
        h("div", { class: "ra-row" }, h("span", {}, "This caption"), h("b", { id: "rate-count" })),
        h("div", { class: "ra-progress" }, h("i", { id: "rate-bar" })),
        value.finished && !result
          ? h("p", { class: "ra-soft" }, "You rated this caption before; submitting replaces that rating.") : null,
        h("p", { class: "ra-soft" }, `Guideline ${value.guideline} · ` + (value.revealed
          ? "you have seen this curve; the rating is kept as one given after it"
          : result ? "the curve was hidden until you submitted" : "the curve stays hidden until you submit")))),
    h("div", { class: "ra-col" },
      result ? h("div", { class: "ra-card", id: "rate-result" },
        h("div", { class: "ra-row" },
          h("b", { class: "ra-ok", id: "rate-receipt", role: "status" },
            `Saved ✓ receipt ${form.receipt.receipt} · ${clock(form.receipt.saved_at)}`),
          h("button", { class: "ra-go", id: "rate-next", type: "button", "data-leaves": true, onclick: next },
            "Next caption ", key("N"))),
        h("div", { id: "rate-curve" }, h("p", { class: "ra-soft", role: "status" }, "Computing the curve …"))) : null,
      h("div", { class: "ra-card", id: "rate-units" },
        h("div", { class: "ra-head" }, result ? "Your verdicts" : "1 · Is each unit borne out by the image?",
          result ? null : h("span", { class: "ra-keys" }, key("J"), key("K"), " move · ", key("Z"), " undo · ",
            key("?"), " help")),
        ...rows()),
      h("div", { class: "ra-card", id: "rate-scales" },
        h("div", { class: "ra-head" }, result ? "The caption as a whole" : "2 · The caption as a whole",
          result ? null : h("span", { class: "ra-keys" }, key("1"), " to ", key("5"))),
        ...scales(),
        result ? (form.comment ? h("p", { dir: "auto", class: "ra-comment" }, form.comment) : null) : comment),
      result ? null : h("div", { class: "ra-actions" },
        h("button", { class: "ra-go", id: "rate-submit", type: "button", onclick: submit }, "Submit ", key("Enter")),
        h("button", { class: "ra-btn", id: "rate-skip", type: "button", onclick: skip }, "Skip"),
        h("span", { id: "rate-status", role: "status" })),
      result ? null : guideline(h, false))));
  paint();
  if (result && curve) drawReveal();
};

// ---------------------------------------------------------------- wiring

const drawReveal = () => {
  const place = find("#rate-curve");
  if (!place || !curve || curve.item !== value.item || !form?.receipt) return;
  place.replaceChildren(...(curve.problem ? [h("p", { class: "ra-problem" }, curve.problem)]
    : revealCurve(h, curve, form.verdicts)));
  if (curve.problem) return;
  element.querySelectorAll("[data-mark]").forEach((mark, index) => {
    const delta = curve.delta[index];
    mark.textContent = delta === null || delta === undefined ? "" : `${curve.dip[index] ? "▼ " : ""}${signed(delta)}`;
    mark.classList.toggle("ra-dip", Boolean(curve.dip[index]));
  });
};

const apply = () => {
  const incoming = props.value ?? {};
  if (!incoming.view || incoming.stamp === value.stamp) return;
  flushDraft();
  value = incoming;
  history = [];
  form = null;
  if (value.view === "rate") {
    const draft = value.draft ?? {};
    form = {
      rater: value.rater, item: value.item, nonce: newNonce(), attempted: false, receipt: null, cursor: 0,
      verdicts: value.units.map((_, index) => draft.verdicts?.[index] ?? null),
      scales: Object.fromEntries(SCALES.map(([name]) => [name, draft[name] ?? null])),
      comment: draft.comment ?? "",
    };
    const first = Array.from({ length: rowCount() }, (_, index) => index).find((index) => !isAnswered(index));
    form.cursor = first ?? rowCount() - 1;
    render();
    if (value.saved_at) say(`draft of ${clock(value.saved_at)} resumed ✓`, "ok");
    if (value.problem) say(value.problem, "bad");
  } else if (value.view === "empty") empty();
  else signIn();
};

const isVisible = () => element.getClientRects().length > 0;

document.addEventListener("keydown", (event) => {
  if (!document.contains(element) || !form || !isVisible() || event.altKey || event.metaKey) return;
  const target = event.target;
  const isText = target.isContentEditable || target.tagName === "TEXTAREA" || target.tagName === "SELECT"
    || (target.tagName === "INPUT" && target.type !== "radio");
  if (event.key === "Enter" && event.ctrlKey) { event.preventDefault(); submit(); return; }
  if (isText || event.ctrlKey || event.repeat && event.key === "Enter") return;
  const letter = event.key.toLowerCase();
  const act = (what) => { event.preventDefault(); what(); };
  if (form.receipt) { if (letter === "n") act(next); return; }
  const verdict = VERDICTS.find(([, shortcut]) => shortcut.toLowerCase() === letter);
  if (verdict && form.cursor < value.units.length) act(() => { choose(form.cursor, verdict[0]); moveTo(form.cursor + 1); });
  else if (/^[1-5]$/.test(event.key)) act(() => {
    if (form.cursor < value.units.length) {
      const open = SCALES.findIndex(([name]) => form.scales[name] === null);
      form.cursor = value.units.length + (open < 0 ? SCALES.length - 1 : open);
    }
    choose(form.cursor, Number(event.key));
    moveTo(form.cursor + 1);
  });
  else if (letter === "j") act(() => moveTo(form.cursor + 1));
  else if (letter === "k") act(() => moveTo(form.cursor - 1));
  else if (letter === "z") act(undo);
  else if (event.key === "?") act(() => { const help = find("#rate-help"); help.open = !help.open;
    if (help.open) help.scrollIntoView({ block: "nearest" }); });
  else if (event.key === "0") act(() => element.querySelector("[data-zoom-reset]")?.click());
  else if (event.key === "Enter" && !["BUTTON", "A", "SUMMARY"].includes(target.tagName)) act(submit);
});
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") flushDraft(); });
window.addEventListener("specs-lens-curve", (event) => { curve = event.detail; drawReveal(); });

watch("value", apply);
apply();
// Only a rater who looks at this page is given an item: each one that is handed out is kept from others for a while.
new IntersectionObserver((entries, observer) => {
  if (!entries.some((entry) => entry.isIntersecting)) return;
  observer.disconnect();
  if (value.view === "sign_in" && remembered()) ask("enter", { rater: remembered() });
}).observe(element);
