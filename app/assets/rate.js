// The Rate page: what is open, how one gets from one item to the next, and how it begins. The answers live in `form` and
// in the database; the page goes on only on the server's word.

let isStarted = false;
let wanted = null;         // an item that another page asks this one to open
let asking = false;        // while the next item is on its way

// ---------------------------------------------------------------- from one item to the next

const waiting = (reply) => {
  const text = `${told(reply).replace(/\.$/, "")}; it is tried again.`;
  if (form) say(text, "bad");
  else page.replaceChildren(h("div", { class: "ra-narrow" }, h("div", { class: "ra-card" }, h("p", { role: "status" }, text))));
};
// One request for a view at a time: whoever presses twice gets one next caption.
const fetchView = async (path, body, problem = "", note = "") => {
  if (asking) return;
  asking = true;
  for (const node of element.querySelectorAll("[data-leaves]")) node.disabled = true;
  try {
    if (!(await canLeave())) { say("Not saved yet, so the page stays here until the server answers.", "bad"); return; }
    const reply = await insist(() => ask("POST", path, body), { wanted: () => me !== null, away: waiting });
    if (reply.another) return;
    if (isRefused(reply)) await refused(path, body, reply);
    else apply({ ...reply, problem: problem || reply.problem }, note);
  } finally {
    asking = false;
    for (const node of element.querySelectorAll("[data-leaves]")) node.disabled = false;
  }
};
const refused = async (path, body, reply) => {
  if (form) { say(told(reply), "bad"); return; }
  // An item that cannot be opened leads to the next one, with the reason on it.
  const other = path === "/rating/next" ? null : await ask("POST", "/rating/next", { campaign: campaignId });
  if (other && !isRefused(other)) apply({ ...other, problem: told(reply) });
  else apply({ view: "empty", campaign: null, progress: null, problem: told(reply) });
};
const next = (problem) => fetchView("/rating/next", { campaign: campaignId }, problem);
const openItem = (item, problem) => fetchView("/rating/open", { item }, problem);
const takeBack = () => fetchView("/rating/undo", { item: form.item }, "",
  "Taken back; your answers are here to go on from.");

const apply = (incoming, note = "") => {
  view = incoming;
  form = null;
  steps = [];
  curve = null;
  clearTimeout(draftTimer);
  if (view.view !== "rate") { resumeHere(null); empty(); return; }
  const draft = view.draft ?? {};
  rows = rowsOf();
  form = {
    item: view.item, segmenter_version: view.segmenter_version, nonce: newNonce(), attempted: false, inFlight: false,
    submitting: false, receipt: null, finished: view.finished, dirty: false, isDraftRefused: false, version: 0,
    draftTries: 0, refused: false, cursor: 0,
    verdicts: rows.filter((row) => row.kind === "unit").map((row) => draft.verdicts?.[row.unit] ?? null),
    answers: view.kind === "battle" ? { both_poor: false, ...draft.answers } : { ...draft.answers },
    comment: draft.comment ?? "", zoom: { scale: 1, x: 0, y: 0, ...draft.zoom }, seconds: draft.seconds ?? 0,
  };
  const first = openRows()[0] ?? rows.length - 1;
  form.cursor = view.saved_at && draft.cursor < rows.length ? draft.cursor : first;
  resumeHere(form.finished ? form.item : null);
  render();
  if (page.getBoundingClientRect().top < 0) page.scrollIntoView({ block: "start" });
  if (view.saved_at) say(`draft of ${day(view.saved_at)} resumed ✓`, "ok");
  if (note) say(note, "ok");
  if (view.problem) say(view.problem, "bad");
  if (recall("guidelines", {})[view.campaign.id] !== view.guideline.version) help(true);
  else if (isVisible()) moveTo(form.cursor);
};
// The server hands out what is not rated yet; a rating that is being revised in this tab is asked for by name.
const resumeHere = (item) => {
  try {
    if (item) sessionStorage.setItem("specs-lens-revising", item);
    else sessionStorage.removeItem("specs-lens-revising");
  } catch { /* private window: the next one is shown */ }
};
const revisedHere = () => { try { return sessionStorage.getItem("specs-lens-revising"); } catch { return null; } };

// ---------------------------------------------------------------- submitting, skipping, going back

const submit = async () => {
  if (!form || form.receipt || form.inFlight) return;
  if (form.submitting) { hurry(); return; }
  const open = openRows();
  if (open.length) {
    const units = open.filter((index) => rows[index].kind === "unit").length;
    const scales = open.filter((index) => rows[index].kind === "scale").length;
    form.refused = true;
    say(view.kind === "battle" ? "Still open: which caption is better." : `Still open: ${[units ? many(units, "unit") : "",
      scales ? many(scales, "scale") : ""].filter(Boolean).join(" and ")}.`, "bad");
    moveTo(open[0]);
    return;
  }
  const mine = form;
  mine.submitting = true;
  clearTimeout(draftTimer);
  draftTimer = null;
  say("saving …");
  await draftChain;
  const { verdicts, answers, comment, seconds } = contentOf(mine);
  const sent = { item: mine.item, segmenter_version: mine.segmenter_version, nonce: mine.nonce,
    verdicts: [...verdicts], answers: { ...answers }, comment, seconds };
  const isWanted = () => form === mine && mine.submitting;
  const send = async () => {
    mine.attempted = true;
    lock(mine, true);
    const reply = await ask("POST", "/rating/submit", sent);
    lock(mine, false);
    return reply;
  };
  const reply = isWanted() ? await insist(send, { wanted: isWanted, away: (missing) =>
    say(`Not saved yet: ${missing.problem.replace(/\.$/, "")}. Your answers are still here, and it is tried again.`, "bad") })
    : { another: true };
  if (form !== mine || reply.another) return;
  mine.submitting = false;
  if (isRefused(reply)) {
    if (!isAway(reply)) say(`Not saved: ${told(reply)}`, "bad");
    return;
  }
  mine.receipt = reply;
  mine.dirty = false;
  resumeHere(null);
  render();
  find("#rate-next").focus({ preventScroll: true });
  find("#rate-result").scrollIntoView({ block: "nearest" });
  if (view.kind === "caption") reveal(mine);
  ask("GET", `/rating/progress?campaign=${encodeURIComponent(view.campaign.id)}`).then((progress) => {
    if (form === mine && !isRefused(progress)) showProgress(progress);
  });
};
const lock = (mine, isLocked) => {
  mine.inFlight = isLocked;
  const comment = find("#rate-comment");
  if (form === mine && comment) comment.readOnly = isLocked;
};

// The first press asks for a reason, so that a slip of the mouse skips nothing.
const askReason = () => {
  const reason = h("input", { type: "text", id: "rate-skip-reason", maxlength: "200", "aria-label": "Reason to skip",
    placeholder: "Why? (optional)" });
  const back = find("#rate-skip");
  const node = h("form", { class: "ra-inline ra-skip", onsubmit: (event) => { event.preventDefault(); skip(reason.value); } },
    reason, h("button", { class: "ra-btn", type: "submit", "data-leaves": true }, "Skip this one"),
    button("Cancel", () => stay()));
  const stay = () => { node.replaceWith(back); back.focus(); };
  node.addEventListener("keydown", (event) => { if (event.key === "Escape") stay(); });
  back.replaceWith(node);
  reason.focus();
};
const skip = async (reason) => {
  const mine = form;
  if (mine.submitting || !(await canLeave())) { say("Not skipped: what you entered is not saved yet.", "bad"); return; }
  const reply = await ask("POST", "/rating/skip", { item: mine.item, reason });
  if (form !== mine || reply.another) return;
  if (isRefused(reply)) { say(`Not skipped: ${told(reply)}`, "bad"); return; }
  next();
};

const showHistory = async () => {
  if (asking || form?.submitting) return;
  const id = view.campaign?.id ?? campaignId ?? "";
  const reply = await ask("GET", `/rating/history?campaign=${encodeURIComponent(id)}`);
  if (isRefused(reply)) { say(told(reply), "bad"); return; }
  const items = reply.items;
  const pick = (one) => { node.close(); openItem(one.item); };
  const list = items.map((one) => h("button", { type: "button", class: "ra-past", onclick: () => pick(one) },
    h("span", { class: "ra-past-text", dir: "auto" }, one.kind === "battle" ? "Battle of two captions" : one.caption),
    h("span", { class: "ra-soft" }, day(one.saved_at))));
  const node = dialog("rate-history", "What you rated", h("h2", {}, "What you rated"),
    h("p", { class: "ra-soft" }, items.length ? "Open one to change it; what you are at now is kept as a draft."
      : "Nothing in this campaign yet."),
    h("div", { class: "ra-past-list" }, ...list),
    h("div", { class: "ra-inline" }, button("Close", () => node.close())));
  node.addEventListener("keydown", (event) => {
    const at = list.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
      ?? (keysOf("down").includes(normal(event.key)) ? 1 : keysOf("up").includes(normal(event.key)) ? -1 : 0);
    if (!step || at < 0) return;
    event.preventDefault();
    list[Math.max(0, Math.min(list.length - 1, at + step))].focus();
  });
  // From one of them, the one before it: back and Enter, again and again, walk through all.
  const now = items.findIndex((one) => one.item === view.item);
  (list[Math.min(now + 1, list.length - 1)] ?? node.querySelector("button")).focus();
};

// ---------------------------------------------------------------- what is shown

const help = (isFirst = false) => {
  const { campaign, guideline } = view;
  const text = h("div", { class: "ra-guideline" });
  text.innerHTML = guideline.html;
  const rowsOfKeys = ACTIONS.filter((action) => !action.name.startsWith("answer") && action.where.includes(place()));
  const node = dialog("rate-help", "Instructions", h("h2", {}, isFirst ? "Before you begin" : "Instructions"),
    h("p", { class: "ra-soft" }, h("span", {}, campaign.name), ` · guideline ${guideline.version}`), text,
    h("details", { open: !isFirst }, h("summary", {}, "Keys"), h("div", { class: "ra-key-list" },
      ...rowsOfKeys.map((action) => h("div", { class: "ra-row" }, h("span", {}, action.what),
        h("span", {}, ...keysOf(action.name).map((one) => cap(keyLabel(one)))))))),
    h("div", { class: "ra-inline" },
      h("button", { class: "ra-go", type: "button", id: "rate-help-done", onclick: () => node.close() },
        isFirst ? "Start rating" : "Go on"),
      button("Change keys", () => { node.close(); keySettings(); })));
  node.addEventListener("close", () => {
    keep("guidelines", { ...recall("guidelines", {}), [campaign.id]: guideline.version });
    if (form && isVisible()) moveTo(form.cursor);
  });
  find("#rate-help-done").focus();
};

const empty = () => {
  const others = campaigns.filter((one) => one.left > 0 && one.id !== view.campaign?.id);
  const done = view.progress?.done;
  page.replaceChildren(h("div", { class: "ra-narrow" },
    h("div", { class: "ra-card ra-empty" },
      h("h2", {}, done ? "All done" : "Nothing to rate yet"),
      h("p", {}, view.problem || (done ? "You have rated everything that waits for you." : "Nothing waits for a rating.")),
      others.length ? h("p", {}, "There is more to do in another campaign.")
        : h("p", { class: "ra-soft" },
          "Open Inspect, score an image and its caption, then press “Rate this caption”. It joins the queue here."),
      h("div", { class: "ra-inline" },
        ...others.map((one, index) => button(`${one.name}: ${one.left} left`, () => chooseCampaign(one.id),
          index ? {} : { class: "ra-go" })),
        button("Go to Inspect", () => openTab("Inspect"), others.length ? {} : { class: "ra-go" }),
        button("Look again", enter, { "data-leaves": true }),
        done ? button("Change one", showHistory, { id: "rate-back" }) : null,
        done && me.role !== "rater" ? button("See the analysis", () => openTab("Analyse")) : null)),
    whoCard()));
  showProgress();
};

const banner = (cls, id, heading, text) => h("div", { class: `ra-card ra-banner ${cls}`, id },
  h("b", {}, heading), h("span", { dir: "auto" }, text));
const banners = () => [
  view.returned !== null && view.returned !== undefined && !form.receipt
    ? banner("ra-returned", "rate-returned", "This one came back to you: ", view.returned || "please look at it again.") : null,
  view.training ? banner("ra-training", "rate-training", "Training. ",
    form.receipt ? "This one does not count." : "This one does not count; after it you are told what was expected.") : null,
  form.finished && !form.receipt && !view.returned ? banner("ra-again", "rate-again", "You rated this before. ",
    "Submitting replaces that rating; going on leaves it as it is.") : null];

const metricNote = () => (view.kind === "battle" ? "where the captions come from is not told"
  : view.revealed ? "you have seen this curve; the rating is kept as one given after it"
    : !view.blind ? "this campaign shows the curve to whoever asks"
      : form.receipt ? "the curve was hidden until you submitted" : "the curve stays hidden until you submit");

const resultCard = () => h("div", { class: "ra-card", id: "rate-result" },
  h("div", { class: "ra-row" },
    h("b", { class: "ra-ok", id: "rate-receipt", role: "status" },
      `Saved ✓ receipt ${form.receipt.receipt} · ${clock(form.receipt.saved_at)}`),
    h("span", { class: "ra-inline ra-tight" },
      button(["Take back", key("undo")], takeBack, { id: "rate-take-back", "data-leaves": true }),
      button(["Back", key("back")], showHistory, { id: "rate-back" }),
      button(["Next ", key("next")], next, { class: "ra-go", id: "rate-next", "data-leaves": true }))),
  h("p", { id: "rate-status", role: "status" }),
  form.receipt.feedback ? feedbackPart(form.receipt) : null,
  view.kind === "caption"
    ? h("div", { id: "rate-curve" }, h("p", { class: "ra-soft", role: "status" }, "Computing the curve …")) : null);

const actions = () => h("div", { class: "ra-actions" },
  button(["Submit", key("submit")], submit, { class: "ra-go", id: "rate-submit" }),
  button(["Skip", key("skip")], askReason, { id: "rate-skip" }),
  button(["Back", key("back")], showHistory, { id: "rate-back" }),
  form.finished ? button(["Next", key("next")], next, { id: "rate-next", "data-leaves": true }) : null,
  h("span", { class: "ra-soft ra-count" }, h("span", { id: "rate-count" }), " answered"),
  h("span", { id: "rate-status", role: "status" }));

const render = () => {
  const result = form.receipt !== null;
  const isBattle = view.kind === "battle";
  page.replaceChildren(h("div", { class: `ra-main${result ? " ra-after" : ""}${isBattle ? " ra-of-battle" : ""}` },
    h("div", { class: "ra-col ra-side" },
      h("div", { class: "ra-sight" },
        h("div", { class: "ra-card ra-picture" }, picture(view.image)),
        isBattle ? null : h("div", { class: "ra-card ra-caption-card" },
          h("p", { class: "ra-caption", dir: "auto", id: "rate-caption", tabindex: "0" }, view.caption))),
      whoCard(
        h("div", { class: "ra-row ra-soft" }, h("span", {}, `Guideline ${view.guideline.version} · ${metricNote()}`),
          h("span", { class: "ra-links" }, h("button", { type: "button", class: "ra-link", id: "rate-help-open",
            onclick: () => help() }, "Help", key("help")), " ",
          h("button", { type: "button", class: "ra-link", id: "rate-keys-open", onclick: keySettings }, "Keys"))))),
    h("div", { class: "ra-col" }, ...banners().filter(Boolean), ...(result ? [resultCard()] : []),
      ...(isBattle ? battleCards() : captionCards()).filter(Boolean),
      ...(!result && !isBattle && !view.blind ? [curveCard()] : []),
      ...(result ? [] : [actions()]))));
  paint();
  showProgress();
};
const curveCard = () => h("div", { class: "ra-card", id: "rate-curve" },
  button("Show the curve", () => reveal(form), { id: "rate-show-curve" }));

// ---------------------------------------------------------------- beginning

const enter = async (problem = "") => {
  if (isRefused(await readCampaigns())) return;
  const item = wanted ?? revisedHere();
  wanted = null;
  if (item) openItem(item, problem);
  else next(problem);
};
const begin = async () => {
  const who = await insist(() => call("GET", "/session"), { wanted: () => true, away: waiting });
  if (isRefused(who)) { waiting(who); return; }
  hubOffered = who.hub === true;
  // An invitation is for whoever holds it, whoever was signed in here before.
  if (who.name === null || invitation) { showSignIn(); return; }
  me = who;
  enter();
};

// Another page hands over an (item, number) pair; the number tells a second request for the same item apart.
let lastAsked = null;
const hear = () => {
  if (!page.isConnected) element.replaceChildren(page, over);
  const pair = props.value;
  if (!Array.isArray(pair) || pair[1] === lastAsked) return;
  [wanted, lastAsked] = pair;
  if (!me || !isStarted) return;
  openItem(wanted);
  wanted = null;
};
watch("value", hear);
hear();

// Only a rater who looks at this page is given an item: each one that is handed out is kept from others for a while.
new IntersectionObserver((entries, observer) => {
  if (!entries.some((entry) => entry.isIntersecting)) return;
  observer.disconnect();
  isStarted = true;
  begin();
}).observe(element);
