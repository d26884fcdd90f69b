// What goes into the analysis: filters, question and statistic. The choice stands in the address as `analyse`, so that
// it survives a reload and can be sent. Names from the database are only ever set as textContent. This file stands
// behind nodes.js and shares its scope.

const LISTS = ["campaigns", "raters", "systems"];
const FIELDS = ["shortest", "longest", "since", "until", "blind", "model", "question", "metric", "coefficient", "level"];
const FILTERS = [...LISTS, "shortest", "longest", "since", "until", "blind"];
const isEmpty = (value) => value === null || value === undefined || value === "" || value === false || value.length === 0;

// ---------------------------------------------------------------- the choice and the address

const readAddress = () => {
  const kept = new URLSearchParams(new URLSearchParams(location.search).get("analyse") ?? "");
  const read = {};
  for (const name of LISTS) if (kept.has(name)) read[name] = kept.getAll(name);
  for (const name of FIELDS) if (kept.has(name)) read[name] = kept.get(name);
  if (read.blind) read.blind = read.blind === "true";
  return read;
};
const queryOf = (choice) => {
  const query = new URLSearchParams();
  for (const name of LISTS) for (const one of choice[name] ?? []) query.append(name, one);
  for (const name of FIELDS) if (!isEmpty(choice[name])) query.set(name, String(choice[name]));
  return query.toString();
};
let choice = readAddress();
let form = null;        // what the server says can be chosen
let asking = 0;
const remember = () => {
  const address = new URL(location.href);
  const written = queryOf(choice);
  if (written) address.searchParams.set("analyse", written); else address.searchParams.delete("analyse");
  if (address.href !== location.href) history.replaceState(history.state, "", address);
};
const ask = () => {
  asking += 1;
  document.querySelector("#analyse-main")?.setAttribute("aria-busy", "true");
  trigger("ask", { ...choice, ask: asking });
};
let waiting = null;
const choose = (changed, after = 0) => {
  choice = { ...choice, ...changed };
  remember();
  showSummary();
  clearTimeout(waiting);
  waiting = setTimeout(ask, after);
};
const clearFilters = () => {
  choose(Object.fromEntries(FILTERS.map((name) => [name, LISTS.includes(name) ? [] : name === "blind" ? false : ""])));
  draw();
};

// ---------------------------------------------------------------- the parts of the form

const labelled = (label, field, note) =>
  h("label", { class: "an-field" }, h("span", { class: "ra-soft" }, label), field, note ?? null);
const typed = (name, type, label, attributes = {}) => h("input", { type, class: "an-input", "aria-label": label,
  id: `analyse-${name}`, value: choice[name] ?? "", onchange: (event) => choose({ [name]: event.target.value }), ...attributes });
const select = (name, options, label) => {
  const field = h("select", { class: "an-select", id: `analyse-${name}`, "aria-label": label,
    onchange: (event) => { choose({ [name]: event.target.value }); draw(`analyse-${name}`); } },
    ...options.map((one) => h("option", { value: one.name }, one.label)));
  field.value = choice[name] || form.chosen[name];
  return field;
};
const several = (name, label) => {
  const options = form[name];
  if (options.length < 2 && !(choice[name] ?? []).length) return null;
  const on = new Set(choice[name] ?? []);
  const said = () => (on.size === 0 ? "all" : on.size === 1
    ? options.find((one) => on.has(one.name))?.label ?? "1 unknown" : `${on.size} of ${options.length}`);
  const told = h("span", { class: "an-said" }, said());
  const boxes = options.map((one) => {
    const box = h("input", { type: "checkbox", value: one.name, checked: on.has(one.name) ? "" : false, onchange: () => {
      if (box.checked) on.add(one.name); else on.delete(one.name);
      told.textContent = said();
      choose({ [name]: [...on] }, 500);
    } });
    return h("label", { class: "an-tick" }, box, h("span", {}, one.label));
  });
  const search = options.length < 12 ? null : h("input", { type: "search", class: "an-input", placeholder: `Find among ${options.length}`,
    "aria-label": `Find a ${label.toLowerCase()}`, oninput: (event) => {
      const wanted = event.target.value.toLowerCase();
      boxes.forEach((box, index) => { box.hidden = !options[index].label.toLowerCase().includes(wanted); });
    } });
  const node = h("details", { class: "an-several", id: `analyse-${name}` },
    h("summary", {}, h("span", {}, label), told), search, h("div", { class: "an-ticks" }, ...boxes));
  node.open = openLists.has(name);
  node.addEventListener("toggle", () => { if (node.open) openLists.add(name); else openLists.delete(name); });
  return node;
};
const openLists = new Set();

const filters = h("details", { class: "ra-card an-filters", id: "analyse-filters-card" });
filters.open = matchMedia("(min-width: 901px)").matches;
const summary = h("span", { class: "an-said", id: "analyse-filter-count" });
const clear = h("button", { type: "button", class: "ra-link", id: "analyse-clear", onclick: clearFilters }, "Clear the filters");
const statistic = h("div", { class: "ra-card an-statistic" });
const actions = h("div", { class: "ra-card an-actions" });

const showSummary = () => {
  const on = FILTERS.filter((name) => !isEmpty(choice[name])).length;
  summary.textContent = on === 0 ? "none" : on === 1 ? "1 on" : `${on} on`;
  clear.hidden = on === 0;
};
const drawFilters = () => {
  const blind = h("input", { type: "checkbox", id: "analyse-blind", checked: choice.blind ? "" : false,
    onchange: (event) => choose({ blind: event.target.checked }) });
  const { tokens, days } = form;
  filters.replaceChildren(
    h("summary", { class: "ra-head" }, h("span", {}, "Filters"), summary),
    ...[several("campaigns", "Campaign"), several("raters", "Rater"), several("systems", "System")].filter(Boolean),
    h("div", { class: "an-pair" }, h("span", {}, "Length in tokens"),
      typed("shortest", "number", "Shortest caption in tokens", { min: 0, step: 1, placeholder: tokens[0] ?? "from" }), "–",
      typed("longest", "number", "Longest caption in tokens", { min: 0, step: 1, placeholder: tokens[1] ?? "to" })),
    h("div", { class: "an-pair an-days" }, h("span", {}, "Rated"),
      typed("since", "date", "First day of the ratings", { min: days[0], max: days[1] }), "–",
      typed("until", "date", "Last day of the ratings", { min: days[0], max: days[1] })),
    h("label", { class: "an-tick" }, blind, h("span", {}, "Only before the curve was seen")),
    ...(form.models.length ? [labelled("Model and weights", select("model", form.models, "Model and weights"))] : []), clear);
  showSummary();
};
const drawStatistic = () => {
  const now = (name) => form[`${name}s`].find((one) => one.name === (choice[name] || form.chosen[name]));
  const [coefficient, level] = [now("coefficient"), now("level")];
  statistic.replaceChildren(
    h("div", { class: "ra-head" }, h("span", {}, "Statistic")),
    ...(form.questions.length > 1 ? [labelled("Question", select("question", form.questions, "Question"))] : []),
    h("div", { class: "an-two" }, select("coefficient", form.coefficients, "Coefficient"), select("level", form.levels, "Level")),
    h("p", { class: "ra-soft", id: "analyse-definition" },
      h("b", {}, coefficient?.label ?? ""), ` ${level?.definition ?? ""}: ${coefficient?.definition ?? ""}. `,
      `Ties: ${coefficient?.ties[level?.name] ?? ""}. Source: ${coefficient?.source ?? ""}. ${form.interval}`));
};

// ---------------------------------------------------------------- together

// The field that was being used keeps the focus when the form is drawn anew.
const draw = (focus = document.activeElement?.id) => {
  if (!form) return;
  drawFilters();
  drawStatistic();
  drawActions();
  if (focus && element.querySelector(`#${CSS.escape(focus)}`)) element.querySelector(`#${CSS.escape(focus)}`).focus();
};
const page = () => document.querySelector("#analyse-main");
const hearForm = () => {
  const told = props.value;
  // Asked again while this answer was on its way: what was chosen meanwhile stays, and its answer comes.
  const isOld = Boolean(told) && told.ask !== null && told.ask !== asking;
  if (!isOld) page()?.classList.toggle("an-refused", !told?.form);
  // The form stays, so that whoever mistyped something in it can mend that.
  if (told?.unreadable) { if (!isOld) page()?.removeAttribute("aria-busy"); return; }
  if (!told?.form) { page()?.removeAttribute("aria-busy"); element.replaceChildren(); form = null; return; }
  if (isOld) return;
  page()?.removeAttribute("aria-busy");
  if (form === null) element.replaceChildren(filters, statistic, actions);
  form = told.form;
  // Nobody asked for it: the captions were scored with these weights.
  if (told.ask === null) { choice = { ...choice, model: form.chosen.model }; remember(); }
  draw();
  // What takes longer is asked for once the picture is painted: on few cores it would keep the browser from it.
  const later = () => { if (told.ask === null || told.ask === asking) { trigger("intervals", {}); trigger("parts", {}); } };
  const whenIdle = window.requestIdleCallback ?? ((act) => setTimeout(act, 400));
  setTimeout(() => whenIdle(later, { timeout: 4000 }), 200);
};
let opened = 0;
const openPage = () => {
  // Choosing the tab may be what mounts this script, and is an event as well.
  if (Date.now() - opened < 400) return;
  opened = Date.now();
  ask();
};
document.addEventListener("lens-analyse", (event) => {
  const asked = event.detail ?? {};
  if (asked.open) openPage();
  if (asked.clear) clearFilters();
  if (asked.metric) choose({ metric: asked.metric });
});
document.addEventListener("click", (event) => {
  const act = event.target.closest?.("[data-analyse]")?.dataset.analyse;
  if (act === "clear") clearFilters();
  if (act === "reset") { choice = {}; choose({}); draw(); }
});
watch("value", hearForm);
if (page()?.offsetParent) openPage();
