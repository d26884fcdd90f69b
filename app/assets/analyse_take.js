// What can be taken along from the Analyse page: the report and the numbers behind it, of what is chosen. This file stands
// behind analyse_form.js and shares its scope.

const takenNote = h("span", { class: "ra-soft", id: "analyse-told", role: "status" });
const fetched = async (button, path, saying) => {
  button.disabled = true;
  takenNote.textContent = saying;
  try {
    const reply = await fetch(`${path}?${queryOf({ ...form.chosen, ...choice })}`);
    if (!reply.ok) {
      const said = await reply.json().catch(() => ({}));
      takenNote.textContent = said.problem ?? "The server does not answer; try again.";
      return;
    }
    const name = /filename="([^"]+)"/.exec(reply.headers.get("content-disposition") ?? "")?.[1] ?? "analysis";
    const link = h("a", { href: URL.createObjectURL(await reply.blob()), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    takenNote.textContent = `Saved as ${name}.`;
  } catch {
    takenNote.textContent = "The server cannot be reached; try again.";
  } finally {
    button.disabled = false;
  }
};
const taken = (id, label, path, saying, cls = "ra-btn") =>
  h("button", { type: "button", class: cls, id, onclick: (event) => fetched(event.currentTarget, path, saying) }, label);
const drawActions = () => {
  if (actions.childElementCount) return;
  actions.append(
    taken("analyse-report", "Report", "/analysis/report.html", "Writing the report …", "ra-go"),
    taken("analyse-raw-json", "Raw numbers · JSON", "/analysis/report.json", "Computing …"),
    taken("analyse-csv", "CSV", "/analysis/items.csv", "Writing …"), takenNote);
};

