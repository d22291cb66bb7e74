// The page says where a payment stands; this looks every few seconds whether that is still so, and if not
// loads the page again. Without scripts there is a link that does the same.
"use strict";
(() => {
  const EVERY_MS = 3000;
  const AT_MOST = 100;
  const page = document.querySelector("[data-standing]");
  if (!page) return;
  let looks = 0;
  const look = async () => {
    looks += 1;
    try {
      const answer = await fetch(page.dataset.standingAt, { headers: { Accept: "application/json" } });
      if (answer.ok && (await answer.json()).standing !== page.dataset.standing) {
        location.reload();
        return;
      }
    } catch {
      // Offline for a moment; the next look tells.
    }
    if (looks < AT_MOST) setTimeout(look, EVERY_MS);
  };
  setTimeout(look, EVERY_MS);
})();
