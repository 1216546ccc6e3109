// Comfort only: keys, rows that open by a click, and the running sum. Every page works without.
"use strict";
(() => {
  const typing = (el) => el && (el.matches("input:not([type=checkbox]), select, textarea") || el.isContentEditable);
  const rows = [...document.querySelectorAll("table[data-keys=rows] tbody tr")];
  let at = -1;

  function move(to) {
    if (!rows.length) return;
    rows[at]?.classList.remove("at");
    at = Math.max(0, Math.min(rows.length - 1, to));
    rows[at].classList.add("at");
    rows[at].querySelector("th a")?.focus({ preventScroll: true });
    rows[at].scrollIntoView({ block: "nearest" });
  }

  rows.forEach((row, n) => {
    row.addEventListener("click", (event) => {
      if (event.target.closest("a, input, button, label") || String(getSelection())) return;
      location.href = row.dataset.href;
    });
    row.addEventListener("focusin", () => { rows[at]?.classList.remove("at"); at = n; row.classList.add("at"); });
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && typing(document.activeElement)) { document.activeElement.blur(); return; }
    if (typing(event.target)) return;
    if (event.key === "/") {
      event.preventDefault();
      const search = document.getElementById("search");
      if (search) search.focus(); else location.href = "/queue#search";
      return;
    }
    if (rows.length) {
      if (event.key === "j") return move(at + 1);
      if (event.key === "k") return move(at - 1);
      if (event.key === "x" && rows[at]) {
        const box = rows[at].querySelector("input[type=checkbox]");
        if (box) { box.checked = !box.checked; box.dispatchEvent(new Event("change", { bubbles: true })); }
        return;
      }
    }
    const target = [...document.querySelectorAll("[data-key]")].find((el) => el.dataset.key === event.key && !el.disabled);
    if (target) { event.preventDefault(); target.click(); }
  });
  if (location.hash === "#search") document.getElementById("search")?.focus();

  const many = document.getElementById("many");
  if (many) {
    const all = many.querySelector("[data-all]");
    const boxes = [...many.querySelectorAll("input[name=case]")];
    const told = many.querySelector("[data-chosen]");
    const buttons = [...many.querySelectorAll(".many button")];
    const tell = () => {
      const n = boxes.filter((box) => box.checked).length;
      if (told) told.textContent = n ? `${n} ${told.dataset.some}` : told.dataset.none;
      buttons.forEach((button) => { button.disabled = !n; });
      boxes.forEach((box) => box.closest("tr").setAttribute("aria-selected", String(box.checked)));
      if (all) all.checked = n > 0 && n === boxes.length;
    };
    all?.addEventListener("change", () => { boxes.forEach((box) => { box.checked = all.checked; }); tell(); });
    boxes.forEach((box) => box.addEventListener("change", tell));
    tell();
  }

  // Sums in whole ten-thousandths, so that no cent is lost on the way.
  const scaled = (text) => {
    const found = /^\s*(-?)(\d*)(?:\.(\d{0,4}))?\s*$/.exec((text || "").replace(/,/g, ""));
    if (!found || (!found[2] && !found[3])) return null;
    const n = BigInt(found[2] || "0") * 10000n + BigInt((found[3] || "").padEnd(4, "0"));
    return found[1] ? -n : n;
  };
  const shown = (n) => {
    const size = n < 0n ? -n : n;
    const whole = String(size / 10000n).replace(/\B(?=(\d{3})+$)/g, ",");
    return `${n < 0n ? "−" : ""}${whole}.${String(size % 10000n).padStart(4, "0").replace(/00$/, "")}`;
  };
  document.querySelectorAll("form[data-sum]").forEach((form) => {
    const line = form.querySelector("[data-sum-line]");
    const total = scaled(form.dataset.sum);
    if (!line || total === null) return;
    form.addEventListener("input", () => {
      let chosen = 0n;
      form.querySelectorAll("input[name=item]:checked").forEach((box) => {
        const own = form.elements[`amount:${box.value}`]?.value;
        const less = scaled(form.elements[`difference:${box.value}`]?.value) ?? 0n;
        const amount = scaled(own) ?? scaled(box.dataset.amount) ?? 0n;
        chosen += own ? amount : amount - less;
      });
      const left = total - chosen;
      line.textContent = `${line.dataset.chosen} ${shown(chosen)} · ${line.dataset.left} ${shown(left)} ${form.dataset.currency}`;
      line.classList.toggle("zero", left === 0n);
    });
    form.querySelectorAll("input.amount").forEach((field) => field.addEventListener("input", () => {
      const box = field.closest("tr").querySelector("input[name=item]");
      if (field.value) box.checked = true;
    }));
  });
})();
