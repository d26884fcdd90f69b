// Captions in and ratings out of the chosen campaign.

const IMAGES_INSIDE = "A table with the images inside: JSON lines with base64, or Parquet. For images in "
  + "files beside the table, and for more than an upload may have, use “specs-ratings import”.";

const downloads = () => {
  const what = select([["ratings", "ratings"], ["items", "items"]], "ratings", { id: "admin-export-what" });
  const kind = select([["csv", "CSV"], ["jsonl", "JSON lines"], ["parquet", "Parquet"]], "csv",
    { id: "admin-export-format" });
  const link = h("a", { class: "ra-btn ad-download", id: "admin-export", download: "" }, "Download");
  const point = () => {
    const query = { campaign: state.campaign.id, what: what.value, format: kind.value };
    link.href = `/admin/export?${new URLSearchParams(query)}`;
  };
  what.addEventListener("change", point);
  kind.addEventListener("change", point);
  point();
  return card("Download", h("div", { class: "ad-fields" }, field("What", what), field("As", kind)),
    h("div", { class: "ra-inline" }, link));
};

const outcome = (found) => {
  const written = found.written;
  const refused = found.refusals.map((one) => h("li", {}, `row ${whole(one.row)}: `, text(one.reason)));
  return h("div", { class: "ad-next" },
    written ? `${plural(written.items, "item")} and ${plural(written.images, "image")} added; `
      + `${whole(written.already)} were there already.`
      : "Nothing was added, because some rows were refused. Mend them, or take the good rows only.",
    refused.length ? h("ul", {}, refused) : null,
    found.refused > refused.length ? `… and ${whole(found.refused - refused.length)} more.` : null);
};

const uploads = () => {
  const file = h("input", { type: "file", id: "admin-import-file", required: true,
    accept: ".jsonl,.ndjson,.csv,.parquet,.arrow", "aria-label": "Table to import" });
  const lenient = check("Take the good rows where others are refused", false, { id: "admin-import-skip" });
  const shown = h("div", { "aria-live": "polite", id: "admin-import-outcome" });
  const send = (event) => {
    event.preventDefault();
    const chosen = file.files[0];
    const query = { campaign: state.campaign.id, name: chosen.name,
      skip: lenient.querySelector("input").checked ? "yes" : "no" };
    say("Reading the table …");
    attempt(async () => {
      const found = await request(`/admin/import?${new URLSearchParams(query)}`,
        { method: "POST", headers: { "content-type": "application/octet-stream" }, body: chosen });
      shown.replaceChildren(outcome(found));
      say(found.written ? "Imported." : "Nothing was imported.", found.written ? "ok" : "bad");
    }, event.submitter);
  };
  return h("form", { class: "ra-card", onsubmit: send },
    h("div", { class: "ra-head" }, h("h3", {}, "Put captions in")), soft(IMAGES_INSIDE),
    h("div", { class: "ad-fields" }, file, lenient),
    h("div", { class: "ra-inline" }, h("button", { type: "submit", class: "ra-go" }, "Import")), shown);
};
