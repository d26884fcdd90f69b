// Who rates: signing in with a code, out, and out everywhere; and which campaign is rated.

let me = null;                 // name and role, once signed in
let campaigns = [];
let comingBack = null;         // while somebody who was signed out signs in over the page
let invitation = window.specsLensInvite ?? "";

const signInForm = ({ heading, words, problem, done }) => {
  const code = h("input", { id: "rate-code", type: "text", maxlength: "200", autocomplete: "off", spellcheck: "false",
    autocapitalize: "characters", placeholder: "7Q0M4RZD-K3TW-9XAB-41HF-V8NE-2JCS", required: true,
    "aria-describedby": "rate-sign-problem" });
  const trouble = h("p", { class: "ra-note", id: "rate-sign-problem", role: "alert" });
  const go = h("button", { class: "ra-go", id: "rate-sign-in", type: "submit" }, "Sign in");
  const tell = (text) => { trouble.textContent = text; trouble.dataset.tone = text ? "bad" : ""; };
  const send = async (event) => {
    event?.preventDefault();
    if (!code.value.trim()) { code.focus(); return; }
    go.disabled = true;
    const reply = await call("POST", "/session", { code: code.value });
    go.disabled = false;
    if (isRefused(reply)) {
      tell(isAway(reply) && reply.failed !== 429 ? "The server does not answer; try again in a moment." : told(reply));
      code.select();
      return;
    }
    done(reply);
  };
  tell(problem ?? "");
  const node = h("form", { class: "ra-sign", onsubmit: send },
    h("h2", {}, heading), h("p", { class: "ra-soft" }, words),
    h("label", { for: "rate-code", class: "ra-label" }, "Invite code"),
    h("div", { class: "ra-inline" }, code, go), trouble,
    hubOffered ? h("p", { class: "ra-hub" }, h("a", { class: "ra-btn", href: "/hub/sign-in",
      // Inside another site's frame the Hub cannot be shown.
      target: window.top === window ? null : "_blank", rel: "noopener" }, "Sign in with Hugging Face")) : null);
  if (invitation) {
    code.value = invitation;
    invitation = "";
    // Once the form stands on the page.
    setTimeout(send, 0);
  }
  return node;
};
let hubOffered = false;

const showSignIn = (problem = "") => {
  me = null;
  form = null;
  view = { view: "sign_in" };
  page.replaceChildren(h("div", { class: "ra-narrow" }, h("div", { class: "ra-card" }, signInForm({
    heading: "Sign in to rate",
    words: "The code stands in your invitation. It brings back what you began, in any browser.",
    problem,
    done: (who) => { me = who; enter(); },
  }))));
  if (isVisible()) find("#rate-code").focus({ preventScroll: true });
};

// Over the page, which keeps what was entered. True once the same person is back.
const signInOver = () => {
  if (!me) return Promise.resolve(false);
  comingBack ??= call("GET", "/session").then((now) => {
    // In another tab the same person may have signed in again already.
    if (now.name === me.name) return true;
    return askAgain(now.name ? `This browser is signed in as ${now.name} now.` : "");
  }).finally(() => { comingBack = null; });
  return comingBack;
};
const askAgain = (problem) => new Promise((settle) => {
  const name = me.name;
  const node = dialog("rate-over", "Sign in again", signInForm({
    heading: `Sign in again as ${name}`,
    words: "You were signed out, perhaps elsewhere. What you entered is still here and goes on when you are back.",
    problem,
    done: (who) => {
      node.close();
      me = who;
      settle(who.name === name);
      if (who.name !== name) { form = null; enter(`You are ${who.name} now; nothing of ${name} was sent.`); }
    },
  }));
  node.addEventListener("cancel", (event) => event.preventDefault());
  find("#rate-code").focus();
});
// Another tab may have signed out, or in as somebody else.
const checkWho = async () => {
  if (!me || comingBack || !isVisible()) return;
  const now = await call("GET", "/session");
  if (me && !comingBack && !isRefused(now) && now.name !== me.name) signInOver();
};

const leave = async (everywhere) => {
  if (!(await canLeave())) return;
  const reply = await call("DELETE", everywhere ? "/sessions" : "/session");
  if (isAway(reply)) { say(`Not signed out: ${reply.problem}.`, "bad"); return; }
  page.replaceChildren();
  showSignIn();
};

// An invitation may arrive in an address that is opened while the page is there (frame.js takes it out of it).
window.addEventListener("specs-lens-invite", (event) => {
  invitation = event.detail;
  if (!isStarted) return;
  canLeave().then((may) => { if (may) showSignIn(); });
});

// ---------------------------------------------------------------- campaigns

let campaignId = recall("campaign", null);

// The one that was chosen here before, if it runs; else the first in which something waits.
const readCampaigns = async () => {
  const reply = await insist(() => ask("GET", "/rating/campaigns"), { wanted: () => me !== null, away: waiting });
  if (isRefused(reply)) return reply;
  campaigns = reply.campaigns;
  if (!campaigns.some((one) => one.id === campaignId)) {
    campaignId = (campaigns.find((one) => one.left > 0) ?? campaigns[0])?.id ?? null;
  }
  return reply;
};
const chooseCampaign = async (id) => {
  if (!(await canLeave())) { say("Not saved yet, so the campaign stays.", "bad"); render(); return; }
  campaignId = id;
  keep("campaign", id);
  next();
};
const campaignField = () => {
  const shown = view.campaign?.id ?? campaignId;
  const others = campaigns.some((one) => one.id === shown) || !view.campaign ? campaigns : [...campaigns, view.campaign];
  if (others.length < 2) return h("b", { class: "ra-name" }, others[0]?.name ?? "");
  const select = h("select", { id: "rate-campaign", "aria-label": "Campaign",
    onchange: () => chooseCampaign(select.value) },
    ...others.map((one) => h("option", { value: one.id }, one.name)));
  select.value = shown;
  return select;
};

const whoCard = (...rest) => h("div", { class: "ra-card ra-who" },
  h("div", { class: "ra-row" }, h("span", {}, "Campaign"), campaignField()),
  h("div", { class: "ra-row" }, h("span", {}, "Yours"), h("b", { id: "rate-progress", role: "status" })),
  h("div", { class: "ra-progress", "aria-hidden": "true" }, h("i", { id: "rate-progress-bar" })),
  ...rest,
  h("div", { class: "ra-row ra-soft" }, h("span", { class: "ra-name", id: "rate-who" }, me.name),
    h("span", { class: "ra-links" },
      h("button", { type: "button", class: "ra-link", id: "rate-sign-out", onclick: () => leave(false) }, "Sign out"), " · ",
      h("button", { type: "button", class: "ra-link", id: "rate-sign-out-everywhere", onclick: () => leave(true) },
        "everywhere"))));

const showProgress = (progress = view.progress) => {
  view.progress = progress;
  const shown = find("#rate-progress");
  if (!shown || !progress) return;
  const all = progress.done + progress.left;
  const seconds = progress.median_seconds;
  shown.textContent = [`${progress.done} of ${all}`, `${progress.today} today`,
    seconds === null ? "" : seconds < 100 ? `${Math.round(seconds)} s each` : `${Math.round(seconds / 60)} min each`]
    .filter(Boolean).join(" · ");
  shown.title = `${progress.done} done, ${progress.left} left, ${progress.today} in the last 24 hours`;
  find("#rate-progress-bar").style.width = `${all ? (100 * progress.done) / all : 0}%`;
};
