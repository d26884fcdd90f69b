// How the chosen campaign goes: numbers, ratings a day, agreement, battles; and the raters.

const overview = () => read("overview", { campaign: state.campaign.id });

const bars = (days) => {
  const width = Math.max(280, Math.min(720, find("#admin-section").clientWidth - 34));
  const height = 150, left = 34, bottom = 22, top = 10;
  const most = Math.max(1, ...days.map((one) => one.ratings));
  const step = (width - left) / days.length;
  const y = (value) => top + (1 - value / most) * (height - top - bottom);
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "ad-bars", "aria-label":
    `Ratings a day: ${days.map((one) => `${day(one.day)} ${one.ratings}`).join(", ")}` });
  for (const value of [0, most]) {
    svg.append(s("line", { x1: left, x2: width, y1: y(value), y2: y(value), class: "ad-grid" }),
      s("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, whole(value)));
  }
  days.forEach((one, index) => {
    const bar = s("rect", { x: left + step * index + step * 0.18, y: y(one.ratings), width: step * 0.64,
      height: Math.max(0, y(0) - y(one.ratings)), rx: 2, class: "ad-bar" });
    bar.append(s("title", {}, `${day(one.day)}: ${plural(one.ratings, "rating")}`));
    svg.append(bar);
    const last = index === days.length - 1;
    if (last || index % (width < 400 ? 6 : 4) === 1) svg.append(s("text",
      { x: last ? width : left + step * (index + 0.5),
      y: height - 5, "text-anchor": last ? "end" : "middle" }, day(one.day)));
  });
  return svg;
};

// Alpha from -1 to 1 with its interval; left of 0 the raters agree less than chance would have it.
const interval = (one) => {
  const x = (value) => 5 + ((Math.max(-1, Math.min(1, value)) + 1) / 2) * 150;
  const svg = s("svg", { viewBox: "0 0 160 16", class: "ad-interval", "aria-hidden": "true" },
    s("line", { x1: 5, x2: 155, y1: 8, y2: 8, class: "ad-grid" }),
      s("line", { x1: 80, x2: 80, y1: 3, y2: 13, class: "ad-zero" }));
  if (one.low !== null) svg.append(s("line",
    { x1: x(one.low), x2: x(one.high), y1: 8, y2: 8, class: "ad-range" }));
  svg.append(s("circle", { cx: x(one.value), cy: 8, r: 4, class: "ad-dot" }));
  return svg;
};

const agreementRow = (one) => ({ cells: [text(one.label),
  one.value === null ? "undefined" : h("b", {}, signed(one.value)),
  one.low === null ? "none" : `${signed(one.low)} to ${signed(one.high)}`,
  one.value === null ? "" : interval(one),
  h("span", {},
    `${plural(one.n_items, one.name === "verdicts" ? "unit" : "item")}, ${plural(one.n_raters, "rater")}`,
    one.note ? h("span", { class: "ra-soft" }, `: ${one.note}`) : null)] });

const agreement = (found) => card("Agreement so far",
  table(["Question", "α", "95 % interval", "−1 to 1", "From"], found.agreement.map(agreementRow)),
  soft("Krippendorff’s α, ordinal for scales and nominal for the rest; "
    + "intervals by bootstrap over images. ",
    found.compared.ratings < found.compared.of
      ? `Computed from ${whole(found.compared.ratings)} of ${whole(found.compared.of)} ratings, `
        + "items drawn at random."
      : `Computed from ${plural(found.compared.of, "rating")} of items that two have judged.`));

const battles = (found) => {
  const all = found.ratings;
  return card("Battles",
    fact("Battles, ratings of them", `${whole(found.items)} · ${whole(all)}`),
    fact("First wins · second wins · tie",
      [found.first_wins, found.second_wins, found.ties].map((n) => share(n, all)).join(" · ")),
    fact("Both poor", share(found.both_poor, all)),
    found.sources.length ? table(["Source", "Wins", "Losses", "Ties", "Share of wins"],
      found.sources.map((one) => ({ cells: [
      text(one.source || "unknown"), whole(one.wins), whole(one.losses), whole(one.ties),
      share(one.wins, one.wins + one.losses + one.ties)] })))
      : soft("Who wins by source is shown when battles between sources have been rated."));
};

const progressSection = async () => {
  const found = await overview();
  const done = found.wanted ? found.done / found.wanted : 0;
  const next = found.items ? null : h("p", { class: "ad-next" },
    "No items yet. Put captions in under Items, with “specs-ratings import”, "
    + "or send them from Inspect; then invite raters under People.");
  return [card(state.campaign.name, next,
    h("div", { class: "ad-facts" },
      h("div", {}, h("b", {}, whole(found.items)), h("span", {}, found.items === 1 ? "item" : "items")),
      h("div", {}, h("b", {}, `${whole(found.done)} of ${whole(found.wanted)}`), h("span", {}, "ratings")),
      h("div", {}, h("b", {}, found.per_day.toFixed(found.per_day < 10 ? 1 : 0)),
        h("span", {}, "ratings a day")),
      h("div", {}, h("b", {}, found.expected_end ? day(found.expected_end) : "–"),
        h("span", {}, found.expected_end ? "expected end" : found.end_note)),
      h("div", {}, h("b", {}, whole(found.decided)), h("span", {}, "decided"))),
    h("div", { class: "ad-progress", role: "img",
      "aria-label": `${Math.round(100 * done)} % of the ratings are done` },
      h("i", { style: `width:${100 * done}%` })),
    soft(`Besides: ${plural(found.training, "item")} to learn on, ${plural(found.gold, "gold item")}. `
      + "The pace is that of the last 7 days.")),
  card("Ratings a day, the last 14 days", found.days.some((one) => one.ratings) ? bars(found.days)
    : soft("Nobody has rated in the last 14 days. Invite somebody under People, "
      + "or ask those who are listed under Raters.")),
  agreement(found), found.battles ? battles(found.battles) : null].filter(Boolean);
};

// ---------------------------------------------------------------- raters

const withOthers = (one, asShare) => (one.value === null
  ? h("span", { class: "ra-soft", title: one.note }, "–")
  : h("span", { title: one.note, class: "ad-nowrap" }, asShare ? share(one.value, 1) : signed(one.value),
    h("span", { class: "ra-soft" }, ` n ${whole(one.n)}`)));

const skips = (list) => (list.length ? h("details", {},
  h("summary", {}, whole(list.reduce((sum, [, n]) => sum + n, 0))),
  h("ul", {}, list.map(([reason, times]) => h("li", {}, text(reason), times > 1 ? ` × ${whole(times)}`
    : "")))) : "0");

const seconds = (value) => (value === null ? "–" : value < 90 ? `${Math.round(value)} s`
  : `${(value / 60).toFixed(1)} min`);

const ratersSection = async () => {
  const found = await overview();
  if (!found.raters.length) return card("Raters",
    soft("Nobody has opened an item of this campaign yet. Invite raters under People; "
    + "they appear here with their first item."));
  const rows = found.raters.map((one) => ({ cells: [
    h("span", {}, text(one.name), one.disabled ? h("span", { class: "ra-soft" }, " disabled") : null),
    whole(one.ratings), seconds(one.median_seconds),
    one.gold ? h("span", { title: one.gold.note }, share(one.gold.n_met, one.gold.n),
      h("span", { class: "ra-soft" }, ` ${one.gold.n_met} of ${one.gold.n}`))
        : h("span", { class: "ra-soft" }, "–"),
    withOthers(one.verdicts, true), withOthers(one.scales, false),
    `${whole(one.in_hand)} · ${whole(one.returned)}`, skips(one.skips), when(one.last_seen_at)] }));
  return card("Raters", table(["Rater", "Ratings", "Median time", "Gold", "Verdicts", "Scales ρ",
    "In hand · back", "Skips",
    "Last seen"], rows, { id: "admin-raters" }),
  soft("Gold: expected answers given. Verdicts: share of units with the others’ majority verdict. "
    + "Scales ρ: Spearman’s rank correlation with the others’ mean, averaged over the scales; both need "
    + "10 items in common. To hand a rating back, open its item under Disputed or Items."));
};
