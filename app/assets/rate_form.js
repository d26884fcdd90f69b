// The form of a caption: its rows, what they hold, and the keys that fill them. `form` is what the rater has entered;
// `view` is what the server sent of the item.

let view = {};
let form = null;
let rows = [];
let steps = [];            // what was before each answer, for undo
const VERDICTS = [["supported", "supported"], ["hallucinated", "hallucinated"], ["unsure", "unsure"]];
const MOST_BUTTONS = 10;   // answers; a scale with more is a slider

const rowsOf = () => (view.kind === "battle" ? [{ kind: "winner" }]
  : [...(view.asks_verdicts ? view.units : []).map((text, unit) => ({ kind: "unit", unit, text })),
    ...view.questions.map((question) => ({ kind: "scale", question }))]);
const answerOf = (row) => (row.kind === "unit" ? form.verdicts[row.unit]
  : row.kind === "scale" ? form.answers[row.question.name] : form.answers.winner) ?? null;
const setAnswer = (row, answer) => {
  if (row.kind === "unit") form.verdicts[row.unit] = answer;
  else if (answer === null) delete form.answers[row.kind === "scale" ? row.question.name : "winner"];
  else form.answers[row.kind === "scale" ? row.question.name : "winner"] = answer;
};
const openRows = () => rows.map((_, index) => index).filter((index) => answerOf(rows[index]) === null);
// While a submission is under way nothing changes: what is saved is what is seen.
const isLocked = () => !form || form.receipt !== null || form.inFlight;

const choose = (index, answer) => {
  if (isLocked()) { paint(); return; }
  steps.push({ index, answer: answerOf(rows[index]), poor: form.answers.both_poor, cursor: form.cursor });
  setAnswer(rows[index], answer);
  changed();
};
const changed = () => {
  // A form that may have arrived already must not be sent again under the same nonce with other answers.
  if (form.attempted) { form.nonce = newNonce(); form.attempted = false; }
  if (form.submitting) { form.submitting = false; hurry(); say("Changed; submit again.", "bad"); }
  form.refused = false;
  paint();
  touch(true);
};
const undo = () => {
  if (isLocked()) return;
  const before = steps.pop();
  if (!before) { say("Nothing to undo here."); return; }
  setAnswer(rows[before.index], before.answer);
  if (before.poor !== undefined) form.answers.both_poor = before.poor;
  changed();
  moveTo(before.cursor);
};
const moveTo = (index, focus = true) => {
  setCursor(Math.max(0, Math.min(rows.length - 1, index)));
  const row = element.querySelectorAll("[data-row]")[form.cursor];
  // The two captions of a battle are more than a row: they stay where the rater has them.
  if (view.kind !== "battle") row?.scrollIntoView({ block: "nearest" });
  if (focus) (row?.querySelector("input:checked") ?? row?.querySelector("input[type=number]") ?? row?.querySelector("input"))
    ?.focus({ preventScroll: true });
};
const setCursor = (index) => {
  if (!form || form.receipt || form.cursor === index) return;
  form.cursor = index;
  paint();
  touch(false);
};

// ---------------------------------------------------------------- by key

const giveVerdict = (verdict) => {
  if (rows[form.cursor]?.kind !== "unit") return false;
  choose(form.cursor, verdict);
  moveTo(form.cursor + 1);
  return true;
};
// The digit of an answer: itself from 0 to 9; 0 for 10 where 0 is no answer; in other ranges the first answer is 1.
const digitOf = (question, answer) => {
  const isPlain = question.low >= 0 && question.high <= 10 && !(question.low === 0 && question.high === 10);
  const digit = isPlain ? answer % 10 : answer - question.low + 1;
  return digit <= 9 ? digit : digit === 10 ? 0 : null;
};
const levels = (question) => Array.from({ length: question.high - question.low + 1 }, (_, step) => question.low + step);
const isSlider = (question) => question.high - question.low + 1 > MOST_BUTTONS;
const giveAnswer = (digit) => {
  let index = form.cursor;
  if (rows[index]?.kind === "unit") {
    // From the units a digit goes to the first scale that is open; 0 is the whole image there.
    const scales = rows.map((_, at) => at).filter((at) => rows[at].kind === "scale");
    index = scales.find((at) => answerOf(rows[at]) === null) ?? scales[scales.length - 1];
    if (digit === 0 || index === undefined) return false;
  }
  if (rows[index]?.kind !== "scale") return false;
  const { question } = rows[index];
  if (isSlider(question)) { if (digit !== 0) moveTo(index); return false; }
  const answer = levels(question).find((one) => digitOf(question, one) === digit);
  if (answer === undefined) return false;
  setCursor(index);
  choose(index, answer);
  moveTo(index + 1);
  return true;
};

// ---------------------------------------------------------------- rows

const segment = (index, choices, cls, label) => h("span", { class: cls, role: "radiogroup", "aria-label": label },
  ...choices.map(([answer, text, name, title]) => {
    const input = h("input", { type: "radio", name: `rate-${index}`, "data-answer": String(answer),
      "aria-label": title ?? null, onchange: () => choose(index, answer) });
    input.checked = answerOf(rows[index]) === answer;
    return h("label", { "data-answer": String(answer), title }, input, h("span", {}, text, name ? key(name) : null));
  }));

const unitRow = (row, index) => h("div",
  { class: "ra-unit", "data-row": true, onfocusin: () => setCursor(index), onclick: () => setCursor(index) },
  h("span", { class: "ra-number" }, String(row.unit + 1)), h("p", { dir: "auto" }, row.text),
  h("span", { class: "ra-mark", "data-mark": row.unit }),
  form.receipt
    ? h("span", { class: "ra-verdict", "data-answer": form.verdicts[row.unit] }, form.verdicts[row.unit])
    : segment(index, VERDICTS.map(([name, text]) => [name, text, name]), "ra-seg", `Unit ${row.unit + 1}: ${row.text}`));

const slider = (row, index) => {
  const { question } = row;
  const common = { min: question.low, max: question.high, step: 1 };
  const range = h("input", { type: "range", ...common, "data-slider": true, "aria-label": question.label });
  const number = h("input", { type: "number", ...common, "data-number": true, inputmode: "numeric", placeholder: "–",
    "aria-label": `${question.label}, ${question.low} to ${question.high}` });
  range.addEventListener("input", () => choose(index, Number(range.value)));
  number.addEventListener("input", () => {
    const given = number.value === "" ? null : Number(number.value);
    const fits = given === null || (Number.isInteger(given) && given >= question.low && given <= question.high);
    number.setCustomValidity(fits ? "" : "outside");
    if (fits) choose(index, given);
    else { choose(index, null); say(`${question.label} is a whole number from ${question.low} to ${question.high}.`, "bad"); }
  });
  return h("span", { class: "ra-slider" }, range, number);
};
const scaleRow = (row, index) => {
  const { question } = row;
  const named = (answer) => question.labels[String(answer)];
  const title = (answer) => (named(answer) ? `${answer}: ${named(answer)}` : null);
  const end = (answer, side) => h("span", { class: `ra-end ra-${side}`, dir: "auto" }, named(answer)
    ? (isSlider(question) ? title(answer) : named(answer)) : isSlider(question) ? String(answer) : "");
  return h("div", { class: "ra-scale-row", "data-row": true, onfocusin: () => setCursor(index), onclick: () => setCursor(index) },
    h("span", { class: "ra-asked" }, h("span", { dir: "auto" }, question.label), " ",
      h("span", { class: "ra-soft", dir: "auto" }, question.hint)),
    form.receipt
      ? h("span", { class: "ra-given" }, h("b", {}, String(form.answers[question.name])), ` of ${question.low} to ${question.high}`,
        named(form.answers[question.name]) ? h("span", { class: "ra-soft" }, ` · ${named(form.answers[question.name])}`) : null)
      : h("span", { class: "ra-levels" }, end(question.low, "low"),
        isSlider(question) ? slider(row, index) : segment(index, levels(question).map((answer) => {
          const digit = digitOf(question, answer);
          return [answer, String(answer), digit !== null && digit !== answer ? `answer${digit}` : null, title(answer)];
        }), "ra-scale", question.label),
        end(question.high, "high")));
};

const paint = () => {
  element.querySelectorAll("[data-row]").forEach((node, index) => {
    if (!rows[index]) return;
    node.classList.toggle("ra-current", !form.receipt && index === form.cursor && rows[index].kind !== "winner");
    const answer = answerOf(rows[index]);
    for (const input of node.querySelectorAll("input[type=radio]")) input.checked = input.dataset.answer === String(answer);
    for (const input of node.querySelectorAll("[data-slider]")) {
      const { question } = rows[index];
      input.value = answer ?? Math.round((question.low + question.high) / 2);
      input.classList.toggle("ra-unset", answer === null);
      input.setAttribute("aria-valuetext", answer === null ? "not answered" : String(answer));
    }
    for (const input of node.querySelectorAll("[data-number]")) {
      if (input.validity.valid && input.value !== String(answer ?? "")) input.value = answer ?? "";
    }
  });
  const poor = find("#rate-poor");
  if (poor) poor.checked = Boolean(form.answers.both_poor);
  const done = rows.length - openRows().length;
  const count = find("#rate-count");
  if (count) count.textContent = `${done} of ${rows.length}`;
};

// From the first digit that answers a scale to the last one.
const digitsOf = (scales) => {
  const digits = scales.filter((row) => !isSlider(row.question))
    .flatMap((row) => levels(row.question).map((answer) => digitOf(row.question, answer)))
    .filter((digit) => digit !== null).map((digit) => digit || 10);
  if (!digits.length) return [];
  return [key(`answer${Math.min(...digits) % 10}`), " to ", key(`answer${Math.max(...digits) % 10}`), " "];
};
const captionCards = () => {
  const units = rows.filter((row) => row.kind === "unit");
  const scales = rows.filter((row) => row.kind === "scale");
  const result = form.receipt !== null;
  const numbered = (number, text) => (units.length && scales.length ? `${number} · ${text}` : text);
  const whole = "The caption as a whole";
  const keys = h("span", { class: "ra-keys" }, key("down"), key("up"), " move · ", key("undo"), " undo");
  return [
    units.length ? h("div", { class: "ra-card", id: "rate-units" },
      h("div", { class: "ra-head" }, h("span", {}, result ? "Your verdicts" : numbered(1, "Is each unit borne out by the image?")), result ? null : keys),
      ...units.map((row) => unitRow(row, rows.indexOf(row)))) : null,
    h("div", { class: "ra-card", id: "rate-scales" },
      scales.length ? h("div", { class: "ra-head" }, h("span", {}, result ? whole : numbered(2, whole)),
        result ? null : h("span", { class: "ra-keys" }, ...digitsOf(scales), units.length ? null : keys)) : null,
      ...scales.map((row) => scaleRow(row, rows.indexOf(row))), commentPart())];
};
const commentPart = () => {
  if (form.receipt) return form.comment ? h("p", { dir: "auto", class: "ra-comment" }, form.comment) : null;
  const comment = h("textarea", { id: "rate-comment", rows: "1", maxlength: String(view.max_comment), dir: "auto",
    "aria-label": "Comment (optional)", placeholder: "Comment (optional)", readonly: form.inFlight,
    oninput: () => { form.comment = comment.value; changed(); } });
  comment.value = form.comment;
  return comment;
};
