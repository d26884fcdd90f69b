// Signing in, the choice of campaign and section, and what is drawn where.

const SECTIONS = [
  ["progress", "Progress", true], ["raters", "Raters", true], ["queue", "Disputed", false],
  ["items", "Items", true], ["campaign", "Campaign", true], ["new", "New campaign", true],
  ["people", "People", true], ["log", "Log", true],
];
const OF_A_CAMPAIGN = new Set(["progress", "raters", "queue", "items", "campaign"]);
const isOwner = () => state.me?.role === "admin";
const sections = () => SECTIONS.filter(([, , owner]) => isOwner() || !owner);
const live = () => state.campaigns.filter((campaign) => !campaign.deleted_at);

const signIn = (problem = "", who = null) => {
  state.me = null;
  closeCase();
  const input = h("input", { type: "text", id: "admin-code", maxlength: "120", autocomplete: "off",
    spellcheck: "false",
    required: true, autocapitalize: "off" });
  const enter = (event) => {
    event.preventDefault();
    attempt(async () => {
      try {
        await sendJson("/session", { code: input.value.trim() });
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        signIn(error.message);
        find("#admin-code").focus();
        return;
      }
      await open();
    }, event.submitter);
  };
  element.replaceChildren(h("div", { class: "ra-narrow" },
    h("form", { class: "ra-card ad-sign", onsubmit: enter },
    h("h2", {}, "For the owner"),
    h("p", {}, who
      ? `You are signed in as ${who.name}, a ${who.role}; this page is for admins and adjudicators.`
      : "This page is for admins and adjudicators of a project; sign in with an invite code."),
    problem ? h("p", { class: "ra-problem", role: "alert" }, problem) : null,
    h("label", { for: "admin-code", class: "ra-label" }, "Invite code"),
    h("div", { class: "ra-inline" }, input, h("button", { class: "ra-go", type: "submit" }, "Sign in")),
    soft("The first admin’s code is printed where the program was started."))));
};

const signOut = () => attempt(async () => {
  await request("/session", { method: "DELETE" });
  signIn();
});

// Asks who is there, and draws what they may see.
const open = async () => {
  const who = await request("/session", {}).catch(() => ({ name: null, role: null }));
  if (!who.name) { signIn(); return; }
  if (!["admin", "adjudicator"].includes(who.role)) { signIn("", who); return; }
  if (await reload()) { frame(); await show(); }
};

const reload = () => attempt(async () => {
  const found = await read("campaigns");
  Object.assign(state, { me: found.me, campaigns: found.campaigns, criteria: found.criteria,
    defaults: found.defaults });
  const wanted = state.campaign?.id ?? kept(KEPT_CAMPAIGN);
  state.campaign = state.campaigns.find((campaign) => campaign.id === wanted) ?? live()[0] ?? null;
  if (!sections().some(([name]) => name === state.section)) state.section = sections()[0][0];
  return true;
});

const choices = () => {
  const label = (campaign) => campaign.name
    + (campaign.deleted_at ? " (deleted)" : campaign.paused_at ? " (paused)" : "");
  const ordered = [...live(), ...state.campaigns.filter((campaign) => campaign.deleted_at)];
  return ordered.map((campaign) => [campaign.id, label(campaign)]);
};

const frame = () => {
  const pick = select(choices(), state.campaign?.id ?? "", { id: "admin-campaign", "aria-label": "Campaign",
    onchange: (event) => {
      state.campaign = state.campaigns.find((campaign) => campaign.id === event.target.value);
      keep(KEPT_CAMPAIGN, state.campaign.id);
      if (!OF_A_CAMPAIGN.has(state.section)) state.section = sections()[0][0];
      show();
    } });
  element.replaceChildren(h("div", { class: "ad-main" },
    h("nav", { class: "ad-side", "aria-label": "Owner" },
      h("div", { class: "ra-card" }, field("Campaign", pick),
        h("div", { class: "ad-nav", id: "admin-nav" }, sections().map(([name, label]) =>
          h("button", { type: "button", "data-section": name, onclick: () => go(name) }, label)))),
      h("div", { class: "ra-card ad-who" },
        h("span", {}, text(state.me.name), h("span", { class: "ra-soft" }, ` · ${state.me.role}`)),
        h("button", { type: "button", class: "ra-link", onclick: signOut }, "sign out"))),
    h("div", { class: "ad-content" }, h("p", { id: "admin-status", role: "status" }),
      h("div", { id: "admin-section", class: "ra-col" }))));
};

const go = (section) => { state.section = section; show(); };

// Draws the open section. An answer that comes when another section is open already is dropped.
const show = async () => {
  closeCase();
  say("");
  for (const one of element.querySelectorAll("[data-section]")) {
    if (one.dataset.section === state.section) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
  state.turn += 1;
  const turn = state.turn;
  const place = find("#admin-section");
  if (OF_A_CAMPAIGN.has(state.section) && !state.campaign) {
    place.replaceChildren(card("No campaign yet", soft(isOwner()
      ? "A campaign says what is asked of raters. Make one under “New campaign”."
      : "An admin has to make a campaign first.")));
    return;
  }
  place.setAttribute("aria-busy", "true");
  // What stands there until then is of before: whoever acted on it would see the act vanish.
  place.inert = true;
  if (!place.children.length) place.append(soft("Reading …"));
  const drawn = await attempt(() => DRAW[state.section]());
  if (turn !== state.turn || !place.isConnected) return;
  place.removeAttribute("aria-busy");
  place.inert = false;
  if (drawn) place.replaceChildren(...[drawn].flat());
};

// The campaigns have changed: the choice of one is drawn anew, the section as well.
const refresh = async (said, campaign = null) => {
  if (campaign) {
    state.campaign = campaign;
    keep(KEPT_CAMPAIGN, campaign.id);
  }
  if (!await reload()) return;
  frame();
  await show();
  say(said);
};

// The first time that the page is in sight: nobody else is asked who they are for nothing.
const begin = () => {
  const watcher = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watcher.disconnect();
    open();
  });
  element.replaceChildren(h("p", { class: "ra-soft" }, "Reading …"));
  watcher.observe(element);
};
