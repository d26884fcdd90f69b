// Items with search, deleting and restoring; people and invites; what was done.

const search = { text: "", deleted: false };

const itemRow = (item) => {
  const row = { attributes: { "data-item": item.id } };
  const state_of = (deleted) => (deleted ? [h("span", { class: "ra-soft" }, "Deleted. "),
    button("Undo", (event) => turn(event, false), { "data-undo": item.id })]
    : [button("Open", () => openCase(item.id), { "aria-label": `Open ${item.captions[0].slice(0, 60)}` }),
      button("Delete", (event) => turn(event, true),
        { "aria-label": `Delete ${item.captions[0].slice(0, 60)}` })]);
  const place = h("span", { class: "ad-acts" });
  const turn = (event, deleted) => attempt(async () => {
    await act("items/delete", { item: item.id, deleted });
    place.replaceChildren(...state_of(deleted));
    place.querySelector("button").focus();
    say(deleted ? "Deleted; its ratings are kept." : "Restored with everything that was said of it.");
  }, event.currentTarget);
  place.append(...(item.deleted_at ? [button("Restore", (event) => turn(event, false))] : state_of(false)));
  row.cells = [h("span", { class: "ad-entry" }, thumbnail(item), captions(item.captions)),
    text(item.source ?? "unknown"), item.role === "regular" ? item.kind : `${item.kind}, ${item.role}`,
    `${whole(item.done)} of ${item.overlap >= 1000000 ? "all" : whole(item.overlap)}`, place];
  return row;
};

const itemsSection = async (offset = 0) => {
  const found = await read("items", { campaign: state.campaign.id, text: search.text, offset: String(offset),
    ...(search.deleted ? { deleted: "yes" } : {}) });
  const input = h("input", { type: "search", maxlength: "200", value: search.text, id: "admin-search",
    "aria-label": "Search in captions",
    placeholder: "Search in captions" });
  const look = async (event) => {
    event.preventDefault();
    search.text = input.value;
    await show();
    find("#admin-search")?.focus();
  };
  const gone = check("Deleted ones", search.deleted,
    { id: "admin-deleted", onchange: (event) => { search.deleted = event.target.checked; show(); } });
  const empty = search.text ? "No caption holds this text. Search for less, or look among the deleted ones."
    : search.deleted ? "Nothing was deleted."
      : "No items yet. Put captions in below, with “specs-ratings import”, or send them from Inspect.";
  return [card("Items", h("form", { class: "ra-inline ad-search", onsubmit: look, role: "search" }, input,
    h("button", { type: "submit", class: "ra-btn" }, "Search"), gone),
  found.items.length ? table(["Item", "Source", "Kind", "Rated", ""], found.items.map(itemRow),
    { id: "admin-items" }) : h("p", { class: "ad-next" }, empty),
  found.items.length ? soft(`${plural(found.total, "item")}${offset ? `, from ${whole(offset + 1)}` : ""}.`)
    : null, pager(offset, found, itemsSection)),
    uploads(), downloads()];
};

// ---------------------------------------------------------------- people

const ROLES = [["rater", "rater"], ["adjudicator", "adjudicator"], ["admin", "admin"]];

const personRow = (person, redraw) => ({ attributes: { "data-person": person.name }, cells: [
  h("span", {}, text(person.name), person.disabled_at ? h("span", { class: "ra-soft" }, " disabled") : null,
    person.from_hub ? h("span", { class: "ra-soft" }, " from the Hub") : null),
  select(ROLES, person.role, { "aria-label": `Role of ${person.name}`, onchange: async (event) => {
    const role = event.target.value;
    await redraw("people/role", { person: person.id, role }, `${person.name} is ${role} now.`, event.target,
      () => { event.target.value = person.role; });
  } }),
  whole(person.codes), whole(person.sessions), when(person.last_signed_in_at),
  h("span", { class: "ad-acts" },
    button("Sign out", (event) => redraw("people/sign-out", { person: person.id },
      `${person.name} is signed out everywhere.`, event.currentTarget),
      { disabled: person.sessions === 0, title: "in all browsers" }),
    button(person.disabled_at ? "Enable" : "Disable",
      (event) => redraw("people/disable", { person: person.id, disabled: !person.disabled_at },
      person.disabled_at ? `${person.name} may sign in again.`
        : `${person.name} may not sign in any more; the ratings stay.`, event.currentTarget)))] });

const peopleTable = (people) => {
  const place = h("div", {});
  const draw = (list) => place.replaceChildren(table(["Name", "Role", "Codes", "Browsers", "Last signed in",
    ""], list.map((person) => personRow(person, redraw)), { id: "admin-people" }));
  const redraw = async (path, body, said, from, otherwise = () => {}) => {
    const found = await attempt(() => act(path, body), from);
    if (!found) { otherwise(); return; }
    draw(found.people);
    say(said);
  };
  draw(people);
  return { place, draw };
};

const peopleSection = async () => {
  const list = peopleTable((await read("people")).people);
  const name = h("input", { type: "text", maxlength: "80", required: true, id: "admin-invite-name",
    placeholder: "Ada" });
  const role = select(ROLES, "rater", { id: "admin-invite-role" });
  const days = number(30, 1, 366, { id: "admin-invite-days" });
  const shown = h("div", { "aria-live": "polite" });
  const invite = (event) => {
    event.preventDefault();
    attempt(async () => {
      const found = await act("people/invite",
        { name: name.value, role: role.value, days: Number(days.value) });
      const copy = button("Copy", () => navigator.clipboard?.writeText(found.code).then(() => say("Copied."),
        () => say("Select the code and copy it.", "bad")));
      shown.replaceChildren(h("p", { class: "ad-code" }, text(found.name), " signs in with ",
        h("code", { id: "admin-invite-code" }, found.code), " ",
        navigator.clipboard ? copy : null),
          soft("It is shown this once and stored nowhere. Give it to them by a safe way; for another one, "
            + "invite them again."));
      name.value = "";
      list.draw((await read("people")).people);
      say("");
    }, event.submitter);
  };
  return [h("form", { class: "ra-card", onsubmit: invite },
    h("div", { class: "ra-head" }, h("h3", {}, "Invite somebody")),
    h("div", { class: "ad-fields" }, field("Name", name), field("Role", role),
      field("Days that the code is valid", days)),
    h("div", { class: "ra-inline" }, h("button", { type: "submit", class: "ra-go" }, "Make a code")), shown),
  card("People", list.place, soft("A rater rates; an adjudicator also decides disputed items; "
    + "an admin does everything here."))];
};

// ---------------------------------------------------------------- the log

const shownValue = (value) =>
  (value !== null && typeof value === "object" ? JSON.stringify(value) : String(value));
const detail = (details) => Object.entries(details)
  .map(([name, value]) => `${name.replaceAll("_", " ")}: ${shownValue(value)}`).join(" · ");

const logSection = async (offset = 0) => {
  const found = await read("audit", { offset: String(offset) });
  if (!found.acts.length) return card("Log",
    soft("Nothing has been done yet. Whoever makes, pauses or deletes something, hands an item back, "
    + "invites stands here, with the time."));
  return card("Log", table(["When", "Who", "What", "Details"],
    found.acts.map((one) => ({ cells: [when(one.at), text(one.actor), one.action,
    h("span", { dir: "auto", class: "ra-soft ad-details", title: one.subject }, detail(one.details))] })),
      { id: "admin-log" }), pager(offset, found, logSection));
};

const DRAW = { progress: progressSection, raters: ratersSection, queue: () => queueSection(),
  items: () => itemsSection(), campaign: campaignSection,
  new: newSection, people: peopleSection, log: () => logSection() };

document.addEventListener("keydown", onKey);
begin();
