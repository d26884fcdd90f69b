// A campaign's settings and instructions, and a new campaign.

const guidelineEditor = (value) => {
  const area = h("textarea", { class: "ad-guideline", rows: "12", maxlength: "100000", dir: "auto",
    id: "admin-guideline", value,
    "aria-label": "Guideline, in Markdown" });
  const shown = h("div", { class: "ad-preview", "aria-live": "polite", id: "admin-preview" });
  let timer = null;
  const render = () => attempt(async () => {
    const asked = area.value;
    const found = await act("guideline/preview", { text: asked });
    // The one place where HTML comes in: the server has made it from Markdown, with raw HTML escaped.
    if (asked === area.value) shown.innerHTML = found.html;
  });
  area.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(render, 300); });
  if (value) render();
  return { area, node: h("div", { class: "ad-editor" },
    h("div", {}, h("span", { class: "ra-soft" }, "Guideline, in Markdown"), area),
    h("div", {}, h("span", { class: "ra-soft" }, "As raters see it"), shown)) };
};

const settingFields = (campaign) => {
  const inputs = {
    overlap: number(campaign.overlap, 1, 1000, { id: "admin-overlap" }),
    lease: number(campaign.lease_minutes, 1, 100000, { id: "admin-lease" }),
    gold: number(campaign.gold_every, 0, 1000, { id: "admin-gold" }),
    blind: check("Hide the score until a rating is submitted", campaign.blind, { id: "admin-blind" }),
  };
  const value = () => ({ overlap: Number(inputs.overlap.value), lease_minutes: Number(inputs.lease.value),
    gold_every: Number(inputs.gold.value), blind: inputs.blind.querySelector("input").checked });
  return { value, node: h("div", { class: "ad-fields" },
    field("Raters of an item", inputs.overlap, "at most; of items added from now on"),
    field("Minutes an item is kept", inputs.lease, "for a rater, after the last sign of life"),
    field("One gold item in", inputs.gold, "on average; 0 for none"), inputs.blind) };
};

const asked = (questions) => table(["Scale", "From", "To", "Name in exports"],
  questions.map((question) => ({ cells: [
  h("span", {}, text(question.label), " ", text(question.hint, "ra-soft")),
  h("span", {}, String(question.low), " ", text(question.labels[question.low] ?? "", "ra-soft")),
  h("span", {}, String(question.high), " ", text(question.labels[question.high] ?? "", "ra-soft")),
    text(question.name)] })));

const campaignSection = async () => {
  const campaign = state.campaign;
  const settings = settingFields(campaign);
  const editor = guidelineEditor(campaign.guideline);
  const change = (body, said) => (event) => {
    event.preventDefault();
    attempt(async () => {
      const found = await act("campaigns/change", { campaign: campaign.id, ...body() });
      await refresh(said(found.campaign), found.campaign);
    }, event.submitter);
  };
  const turn = (path, body, said) => (event) => attempt(async () => {
    const found = await act(path, { campaign: campaign.id, ...body });
    await refresh(said, found.campaign);
  }, event.currentTarget);
  return [
    card(campaign.name, soft(`Made ${when(campaign.created_at)}. `, campaign.deleted_at
      ? `Deleted ${when(campaign.deleted_at)}; nothing of it is lost.`
      : campaign.paused_at ? `Paused ${when(campaign.paused_at)}: nothing is handed out, `
        + "what is in hand can be submitted." : "Running."),
    h("div", { class: "ra-inline" },
      campaign.deleted_at ? null : button(campaign.paused_at ? "Resume" : "Pause",
        turn("campaigns/pause", { paused: !campaign.paused_at },
        campaign.paused_at ? "It goes on." : "Paused."), { id: "admin-pause" }),
      button(campaign.deleted_at ? "Restore" : "Delete",
        turn("campaigns/delete", { deleted: !campaign.deleted_at },
        campaign.deleted_at ? "Restored with everything in it."
          : "Deleted with everything in it. “Restore” brings it back."), { id: "admin-delete" }))),
    h("form", { class: "ra-card", onsubmit: change(settings.value, () => "Settings saved.") },
      h("div", { class: "ra-head" }, h("h3", {}, "Settings")),
      settings.node, h("div", { class: "ra-inline" },
        h("button", { type: "submit", class: "ra-go" }, "Save settings"))),
    h("form", { class: "ra-card", onsubmit: change(() => ({ guideline: editor.area.value }),
      (found) => `Guideline ${found.guideline_version} is in force.`) },
      h("div", { class: "ra-head" }, h("h3", {}, `Guideline, version ${campaign.guideline_version}`)),
        editor.node,
      soft("Saving another text makes another version; each rating says which one its rater saw."),
      h("div", { class: "ra-inline" }, h("button", { type: "submit", class: "ra-go" }, "Save guideline"))),
    card("What is asked", asked(campaign.questions),
      soft(campaign.asks_verdicts ? "Every unit of a caption is judged before the scales. "
      : "Units are not judged. ",
      "Questions stay as they are once somebody has rated."))];
};

// ---------------------------------------------------------------- a new one

const ownScale = () => {
  const inputs = { label: h("input", { type: "text", maxlength: "200", required: true,
    placeholder: "Clarity", "aria-label": "What raters read" }),
    name: h("input", { type: "text", maxlength: "40", required: true, pattern: "[a-z][a-z0-9_]{0,39}",
      placeholder: "clarity",
      title: "lower-case letters, digits and underscores", "aria-label": "Name in exports" }),
    low: number(1, 0, 1000000, { "aria-label": "Lowest answer" }),
      high: number(5, 1, 1000000, { "aria-label": "Highest answer" }),
    worst: h("input", { type: "text", maxlength: "80", placeholder: "poor",
      "aria-label": "Word for the lowest answer" }),
    best: h("input", { type: "text", maxlength: "80", placeholder: "excellent",
      "aria-label": "Word for the highest answer" }) };
  const node = h("div", { class: "ad-scale" }, inputs.label, inputs.name, inputs.low, inputs.worst,
    inputs.high, inputs.best,
    button("Remove", () => node.remove(), { "aria-label": "Remove this scale" }));
  node.readScale = () => ({ name: inputs.name.value, label: inputs.label.value,
    low: Number(inputs.low.value), high: Number(inputs.high.value),
    labels: Object.fromEntries([[inputs.low.value, inputs.worst.value],
      [inputs.high.value, inputs.best.value]].filter(([, word]) => word)) });
  return node;
};

const newSection = async () => {
  const name = h("input", { type: "text", maxlength: "80", required: true, id: "admin-new-name",
    placeholder: "captioner-v3 pilot" });
  const settings = settingFields({ ...state.defaults, gold_every: 0, blind: true });
  const units = check("Have every unit judged before the scales", true, { id: "admin-units" });
  const editor = guidelineEditor(state.defaults.guideline);
  const scales = h("div", { class: "ad-scales" });
  const set = select([...Object.keys(state.criteria).map((one) => [one,
    `${one}: ${state.criteria[one].map((question) => question.label).join(", ")}`]),
    ["own", "scales of my own"]], "correctness", { id: "admin-criteria", onchange: () => draw() });
  const draw = () => {
    if (set.value !== "own") { scales.replaceChildren(asked(state.criteria[set.value])); return; }
    const rows = h("div", { class: "ad-scales" }, ownScale());
    scales.replaceChildren(soft("What raters read · name in exports · lowest answer and a word for it · "
      + "highest answer and a word for it"), rows,
      button("Add a scale", () => rows.append(ownScale())));
  };
  draw();
  const save = (event) => {
    event.preventDefault();
    const own = [...scales.querySelectorAll(".ad-scale")].map((row) => row.readScale());
    attempt(async () => {
      const found = await act("campaigns/create",
        { name: name.value, ...settings.value(), asks_verdicts: units.querySelector("input").checked,
        guideline: editor.area.value, ...(set.value === "own" ? { questions: own }
          : { criteria: set.value }) });
      state.section = "progress";
      await refresh("Made. Put captions into it next, and invite raters.", found.campaign);
    }, event.submitter);
  };
  return h("form", { class: "ra-card", onsubmit: save, id: "admin-new" },
    h("div", { class: "ra-head" }, h("h3", {}, "New campaign")),
    h("div", { class: "ad-fields" }, field("Name", name), field("Scales", set)), scales, units,
      settings.node, editor.node,
    h("div", { class: "ra-inline" }, h("button", { type: "submit", class: "ra-go" }, "Make the campaign")));
};
