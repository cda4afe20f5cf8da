"use strict";
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const articles = all("article.ev");
  let at = -1;

  function reveal(element) {
    for (let up = element; up; up = up.parentElement) {
      if (up instanceof HTMLDetailsElement) up.open = true;
    }
  }

  function follow() {
    const name = location.hash.slice(1);
    const target = name && document.getElementById(name);
    if (!target) return;
    reveal(target);
    target.scrollIntoView();
    const article = target.closest("article.ev");
    if (article) at = articles.indexOf(article);
  }

  function go(step) {
    if (!articles.length) return;
    at = Math.max(0, Math.min(articles.length - 1, at + step));
    const article = articles[at];
    reveal(article);
    history.replaceState(null, "", "#" + article.id);
    article.focus({ preventScroll: true });
    article.scrollIntoView();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    if (event.key === "j") go(1);
    else if (event.key === "k") go(-1);
    else return;
    event.preventDefault();
  });

  const grid = document.getElementById("grid");
  const buttons = all("button[data-sort]");
  const keys = {
    number: (row) => Number(row.dataset.number),
    difficulty: (row) => Number(row.dataset.difficulty),
    date: (row) => row.dataset.date,
    family: (row) => row.dataset.family,
  };

  function sort(button) {
    const key = keys[button.dataset.sort];
    const again = button.getAttribute("aria-pressed") === "true" && button.dataset.down !== "yes";
    const sign = again ? -1 : 1;
    const rows = [...grid.tBodies[0].rows].map((row) => [key(row), row]);
    rows.sort(([a], [b]) => (a < b ? -sign : a > b ? sign : 0));
    grid.tBodies[0].append(...rows.map(([, row]) => row));
    for (const other of buttons) {
      other.setAttribute("aria-pressed", String(other === button));
      other.dataset.down = other === button && again ? "yes" : "no";
    }
    document.getElementById("sorted").textContent =
      "sorted by " + button.textContent + (again ? ", descending" : "");
  }

  if (grid) {
    for (const button of buttons) button.addEventListener("click", () => sort(button));
    for (const tools of all(".tools")) tools.hidden = false;
  }
  for (const hint of all("#keys")) hint.hidden = false;

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("details:not([open])");
    for (const details of folded) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of folded) details.open = false;
  });
  addEventListener("hashchange", follow);
  follow();
})();
