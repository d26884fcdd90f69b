// Sorts the list by its columns and filters it. The page lists everything, deepest dip first, without it.
"use strict";
(() => {
  document.documentElement.classList.add("live");
  const table = document.getElementById("reports");
  const box = document.getElementById("filter");
  const count = document.getElementById("count");
  const rows = table ? [...table.tBodies[0].rows] : [];
  const heads = table ? [...table.tHead.rows[0].cells] : [];

  // Numbers by value, texts as a reader would order them; what has no value stays behind in both directions.
  function compare(column, kind, sign) {
    const text = (row) => row.cells[column].textContent;
    if (kind === "text") return (a, b) => sign * text(a).localeCompare(text(b), undefined, { numeric: true });
    const value = (row) => row.cells[column].dataset.value;
    return (a, b) => {
      if (!value(a) || !value(b)) return Number(!value(a)) - Number(!value(b));
      return sign * (Number(value(a)) - Number(value(b)));
    };
  }

  heads.forEach((head, column) => {
    if (!head.dataset.order) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const first = head.dataset.order === "down" ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? other : first;
      for (const each of heads) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", order);
      const sorted = [...rows].sort(compare(column, head.dataset.order, order === "ascending" ? 1 : -1));
      table.tBodies[0].append(...sorted);
    });
  });

  function filter() {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden = !words.every((word) => row.dataset.words.includes(word));
      shown += Number(!row.hidden);
    }
    count.textContent = words.length ? `${shown} of ${rows.length} captions` : "";
  }
  box.addEventListener("input", filter);
  filter(); // browsers keep what stood in the box when a page is loaded again
})();
