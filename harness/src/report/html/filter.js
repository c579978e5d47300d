"use strict";
(() => {
  const form = document.getElementById("filter");
  const query = document.getElementById("query");
  const shown = document.getElementById("shown");
  const nothing = document.getElementById("nothing");
  const selects = [...form.querySelectorAll("select")];
  const boxes = [...form.querySelectorAll("input[name=verdict]")];
  const cases = [...document.querySelectorAll("details.case")].map((element) => ({
    element,
    verdict: element.dataset.verdict,
    axes: new Set(element.dataset.axes.split(" ")),
    text: null,
  }));
  // of ten thousand cases that is megabytes; most readers never ask
  const text = (item) => item.text
    ??= (item.element.textContent + " " + item.element.dataset.axes + " " + item.verdict).toLowerCase();

  const apply = () => {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const axes = selects.filter((select) => select.value).map((select) => select.dataset.axis + "=" + select.value);
    let count = 0;
    for (const item of cases) {
      const matches = verdicts.has(item.verdict)
        && axes.every((axis) => item.axes.has(axis))
        && words.every((word) => word.length > 1 && word[0] === "-"
          ? !text(item).includes(word.slice(1)) : text(item).includes(word));
      item.element.hidden = !matches;
      count += matches ? 1 : 0;
    }
    for (const section of document.querySelectorAll("section.verdict")) {
      const visible = section.querySelectorAll("details.case:not([hidden])").length;
      section.hidden = visible === 0;
      section.querySelector(".count").textContent = visible;
    }
    shown.textContent = count === cases.length ? "" : count + " of " + cases.length;
    nothing.hidden = count > 0 || cases.length === 0;
  };

  const remember = () => {
    const state = new URLSearchParams();
    if (query.value) state.set("q", query.value);
    for (const box of boxes) if (!box.checked) state.append("hide", box.value);
    for (const select of selects) if (select.value) state.set(select.dataset.axis, select.value);
    try {
      history.replaceState(null, "", state.size ? "#?" + state : location.pathname);
    } catch { /* a page from a file may not change its address */ }
  };

  const recall = () => {
    if (!location.hash.startsWith("#?")) return;
    const state = new URLSearchParams(location.hash.slice(2));
    query.value = state.get("q") ?? "";
    const hidden = new Set(state.getAll("hide"));
    for (const box of boxes) box.checked = !hidden.has(box.value);
    for (const select of selects) select.value = state.get(select.dataset.axis) ?? "";
    const more = form.querySelector(".more");
    if (more) more.open = selects.some((select) => select.value && more.contains(select));
  };

  form.addEventListener("input", () => { apply(); remember(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== query) {
      event.preventDefault();
      query.focus();
    }
  });
  recall();
  apply();
})();
