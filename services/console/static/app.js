// What the pages need beyond htmx: keyboard shortcuts, marking what is new, and never overwriting what a person is typing.
"use strict";
(() => {
  const typing = (el) => el && el.matches("input, textarea, select, [contenteditable]");

  // A letter acts on the element that names it with data-key, unless somebody is typing.
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
      const form = event.target.closest("form") || document.querySelector("form[data-submit-key]");
      if (form) { event.preventDefault(); form.requestSubmit(); }
      return;
    }
    if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const key = event.key.toLowerCase();
    if (key === "j" || key === "k") { step(key === "j" ? 1 : -1, event); return; }
    const target = [...document.querySelectorAll("[data-key]")].find((el) => el.dataset.key === key);
    if (!target) return;
    event.preventDefault();
    if (target.matches("button")) target.click(); else target.focus();
  });

  // J and K walk the review queue, or the links of the list.
  function step(by, event) {
    const queue = [...document.querySelectorAll("#queue a")];
    const links = queue.length ? queue : [...document.querySelectorAll(".cases .id a")];
    if (!links.length) return;
    event.preventDefault();
    const focused = links.indexOf(document.activeElement);
    const here = focused >= 0 ? focused : links.findIndex((a) => a.hasAttribute("aria-current"));
    const next = links[Math.min(Math.max(here + by, 0), links.length - 1)];
    next.focus();
    if (queue.length && !next.hasAttribute("aria-current")) next.click();
  }

  // A form is sent once. The server would answer a second time with the same; this spares people the doubt.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent && form.method === "post") { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(() => delete form.dataset.sent, 4000);
  });

  // What somebody is typing is not swapped away.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const target = event.detail.target;
    const keep = target.matches("[data-keep]") && ([...target.querySelectorAll("textarea")].some((t) => t.value.trim())
      || target.contains(document.activeElement));
    const words = target.id === "content" && event.detail.requestConfig.verb === "get";
    if (keep || words) event.detail.shouldSwap = false;
  });

  // Rows that are new or changed are marked for a moment, and said once to those who listen.
  let before = positions();
  function positions() {
    return new Map([...document.querySelectorAll("tr[data-position]")].map((row) => [row.id, row.dataset.position]));
  }
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "list") return;
    const now = positions();
    let changed = 0;
    for (const [id, position] of now) {
      if (before.get(id) === position) continue;
      changed += 1;
      document.getElementById(id).classList.add("fresh");
    }
    before = now;
    if (!changed) return;
    htmx.trigger("#list", "refresh");
    const said = document.getElementById("said");
    if (said) said.textContent = said.dataset.one;
  });

  // The page that waits for a case goes on by itself once it is there.
  document.addEventListener("htmx:afterOnLoad", (event) => {
    if (event.detail.elt.matches("[data-until]") && !event.detail.xhr.responseText.includes('id="waiting"')) {
      location.reload();
    }
  });

  // A session that ended while a page was open: go to the door.
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) location.assign("/");
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches(".filters select")) event.target.form.requestSubmit();
  });
})();
