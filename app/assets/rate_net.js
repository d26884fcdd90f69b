// Between the page and the server: calls, trying again, drafts in order, and the time that is worked.

const AWAY = "the server does not answer";
const LONGEST_WAIT = 30;   // seconds between two tries
const IDLE_AFTER = 60;     // seconds without a key, a click or a movement

// An answer is what the server sent; `failed` in it is the status where it refused, 0 where nothing came.
const call = async (method, path, body, { keepalive = false, seconds = 20 } = {}) => {
  const giveUp = new AbortController();
  const timer = seconds ? setTimeout(() => giveUp.abort(), 1000 * seconds) : null;
  try {
    const answer = await fetch(path, { method, keepalive, signal: giveUp.signal,
      headers: body ? { "content-type": "application/json" } : {}, body: body ? JSON.stringify(body) : undefined });
    const said = await answer.json().catch(() => null);
    if (answer.ok && said) return said;
    return { failed: answer.ok ? 0 : answer.status, problem: said?.problem ?? `${AWAY} as it should (${answer.status})` };
  } catch {
    return { failed: 0, problem: AWAY };
  } finally {
    clearTimeout(timer);
  }
};
const isRefused = (reply) => reply.failed !== undefined;
const isAway = (reply) => reply.failed === 0 || reply.failed >= 500 || reply.failed === 429;
const told = (reply) => {
  const text = reply.problem.charAt(0).toUpperCase() + reply.problem.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
};

// As `call`, for what only people who are signed in may do: who is signed out elsewhere signs in over the page, as the
// same person, and the call is made then. Whoever signs in as somebody else begins anew, and nothing is sent.
const ask = async (method, path, body, options) => {
  for (;;) {
    const reply = await call(method, path, body && { rater: me?.name, ...body }, options);
    if (reply.failed !== 401) return reply;
    if (!(await signInOver())) return { failed: 401, problem: reply.problem, another: true };
  }
};

const backoff = (tries) => 1000 * Math.min(LONGEST_WAIT, 2 ** tries);
let hurry = () => {};      // ends the present wait
const wait = (milliseconds) => new Promise((done) => {
  const timer = setTimeout(done, milliseconds);
  hurry = () => { clearTimeout(timer); done(); };
});
window.addEventListener("online", () => hurry());

// Again and again while the server is away, as long as `wanted` says so.
const insist = async (attempt, { wanted, away }) => {
  for (let tries = 0; ; tries += 1) {
    const reply = await attempt();
    if (!isAway(reply) || !wanted()) return reply;
    away(reply);
    await wait(backoff(tries));
    if (!wanted()) return reply;
  }
};

// ---------------------------------------------------------------- drafts

let draftTimer = null;
let draftChain = Promise.resolve();

const contentOf = (which) => ({ segmenter_version: which.segmenter_version, verdicts: which.verdicts,
  answers: which.answers, comment: which.comment, cursor: which.cursor, zoom: which.zoom, seconds: Math.round(which.seconds) });

// Something of the form has changed; where the rater looks counts too, but of a rating that is in it would leave a
// draft that says nothing new.
const touch = (isAnswer) => {
  if (!form || form.receipt || (!isAnswer && form.finished && !form.dirty)) return;
  form.dirty = true;
  form.version += 1;
  clearTimeout(draftTimer);
  draftTimer = setTimeout(saveDraft, 350);
};
// One at a time, in order: an older draft can never land on top of a newer one.
const saveDraft = () => {
  clearTimeout(draftTimer);
  draftTimer = null;
  const mine = form;
  if (mine?.dirty) draftChain = draftChain.then(() => sendDraft(mine));
  return draftChain;
};
const sendDraft = async (mine) => {
  if (!mine.dirty || mine.receipt || mine.submitting) return;
  const version = mine.version;
  const reply = await ask("POST", "/rating/draft", { item: mine.item, content: contentOf(mine) });
  if (reply.another) return;
  // What the server will not take at all, for example of a caption that was cut anew, keeps nobody on the page.
  mine.isDraftRefused = isRefused(reply) && !isAway(reply);
  if (!isRefused(reply)) {
    mine.draftTries = 0;
    if (mine.version === version) mine.dirty = false;
  }
  if (form !== mine || mine.receipt || mine.submitting) return;
  if (isAway(reply)) {
    clearTimeout(draftTimer);
    draftTimer = setTimeout(saveDraft, backoff(mine.draftTries));
    mine.draftTries += 1;
  }
  if (isRefused(reply)) {
    say(isAway(reply) ? `Draft not saved: ${reply.problem.replace(/\.$/, "")}. Your answers are still here, and it is tried again.`
      : `Draft not saved: ${told(reply)}`, "bad");
  } else if (!mine.refused && mine.version === version) {
    // What a submission was refused for stays until the rater has changed something.
    say(`draft saved ${clock(reply.saved_at)} ✓`, "ok");
  }
};
// The page may be gone in a moment: what is not saved goes out at once, and the browser finishes the request.
const sendLastDraft = () => {
  const mine = form;
  if (!mine?.dirty || mine.receipt || mine.submitting || !me) return;
  clearTimeout(draftTimer);
  draftTimer = null;
  const version = mine.version;
  const sent = call("POST", "/rating/draft", { rater: me.name, item: mine.item, content: contentOf(mine) },
    { keepalive: true }).then((reply) => {
    if (isRefused(reply)) touch(true);
    else if (mine.version === version) mine.dirty = false;
  });
  draftChain = Promise.all([draftChain, sent]);
};
// Before another item takes the page: nothing is left behind that only this page knows.
const canLeave = async () => {
  if (!form || form.receipt) return true;
  await saveDraft();
  return !form?.dirty || form.isDraftRefused;
};

// ---------------------------------------------------------------- the time that is worked

let lastInput = Date.now();
let lastTick = Date.now();
for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "input"]) {
  document.addEventListener(kind, () => { lastInput = Date.now(); }, { passive: true, capture: true });
}
setInterval(() => {
  const now = Date.now();
  // A page that was asleep wakes with one long tick, which nobody worked.
  const passed = Math.min((now - lastTick) / 1000, 2);
  lastTick = now;
  if (!form || form.receipt || isDialogOpen() || document.visibilityState !== "visible" || !isVisible()) return;
  if (now - lastInput < 1000 * IDLE_AFTER) form.seconds += passed;
}, 1000);

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") sendLastDraft();
  else checkWho();
});
window.addEventListener("pagehide", sendLastDraft);
