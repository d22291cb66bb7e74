"""A real browser for tests: finding one, looking at pages through it, and what axe says of them.

Browser tests are skipped, saying so, where no Chromium is found; KEYDESK_CHROMIUM names one elsewhere.
With KEYDESK_SCREENSHOTS set, every page a test looks at is also kept as an image in var/screenshots.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import pytest
from django.conf import settings
from django.core import mail
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from common import clock
from fulfillment.notices.services import send_notices

Scheme = Literal["light", "dark"]
# A phone, and a laptop.
WIDTHS = {"phone": 390, "desk": 1280}
ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# The rules that another colour scheme can break: it changes colours and nothing else.
COLOUR_RULES = ("color-contrast", "link-in-text-block")

# What a page of the claimant's may weigh at its first load, all of it together and unpacked.
MOST_BYTES = 100_000
_BYTES = """
performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource"))
    .reduce((sum, entry) => sum + entry.decodedBodySize, 0)
"""
# Keeps every jump of the layout, from before the first paint on, until someone opens or presses something:
# what moves then is meant to, and on a slow machine later than the browser itself would put it down to that.
# A row of links that arrives in two pieces moves by less than a hundredth, which is not counted.
_WATCH_JUMPS = """
window.jumps = [];
window.actedAt = Infinity;
for (const act of ["click", "keydown"])
    addEventListener(act, () => { actedAt = Math.min(actedAt, performance.now()); }, true);
window.jumpsSeen = new PerformanceObserver((seen) => jumps.push(...seen.getEntries()));
jumpsSeen.observe({ type: "layout-shift", buffered: true });
"""
_JUMPS = """
jumps.concat(jumpsSeen.takeRecords())
    .filter((jump) => !jump.hadRecentInput && jump.value > 0.01 && jump.startTime < actedAt)
    .map((jump) => `${jump.value.toFixed(4)}: ${jump.sources.map((one) => one.node?.outerHTML?.slice(0, 80))}`)
"""

# What sticks out of the window on the right, the innermost elements first.
_TOO_WIDE = """
[...document.querySelectorAll("body *")].reverse()
    .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .slice(0, 5).map((one) => one.outerHTML.slice(0, 80))
"""


def chromium() -> str | None:
    """The Chromium to use, if there is one."""
    return os.environ.get("KEYDESK_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def launched() -> Iterator[Browser]:
    """A running browser; skips the test where there is none."""
    executable = chromium()
    if executable is None:
        pytest.skip("No Chromium here. Install one, or name it in KEYDESK_CHROMIUM.")
    # Its event loop runs in this thread, where the test still asks the database, one question at a time.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


class Visitor:
    """Someone who looks at the site: one window of one size and colour scheme.

    Whatever the page complains about (scripts, the content security policy, addresses elsewhere) is
    collected in `complaints`. `also` is another address that pages may lead to: a vendor's stand-in.
    `claims` holds the site's pages to what the claimant's promise: 100 kB in all, and nothing that jumps.
    """

    def __init__(
        self,
        browser: Browser,
        *,
        site: str,
        width: int = WIDTHS["desk"],
        scheme: Scheme = "light",
        javascript: bool = True,
        also: str = "",
        claims: bool = False,
    ) -> None:
        self.site, self.width, self.scheme = site, width, scheme
        self.also = also
        self.claims = claims
        self.javascript = javascript
        self.complaints: list[str] = []
        self.context: BrowserContext = browser.new_context(
            base_url=site,
            viewport={"width": width, "height": 844 if width < 600 else 900},
            color_scheme=scheme,
            java_script_enabled=javascript,
            reduced_motion="reduce",
        )
        self.context.set_default_timeout(15_000)
        if claims:
            self.context.add_init_script(_WATCH_JUMPS)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def _heard(self, message: ConsoleMessage) -> None:
        # A page that is refused or not found is reported here as well; tests look at statuses themselves.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def _asked(self, url: str) -> None:
        if not url.startswith((self.site, "data:")) and not (self.also and url.startswith(self.also)):
            self.complaints.append(f"asked for {url}")

    def go(self, path: str) -> Page:
        self.page.goto(path)
        return self.page

    def turn(self, *, width: int, scheme: Scheme) -> None:
        """Look at the page as it stands in a window of another size and colour scheme."""
        self.width, self.scheme = width, scheme
        self.page.set_viewport_size({"width": width, "height": 844 if width < 600 else 900})
        self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")

    def look_both(self, name: str) -> None:
        """Check the page as it stands in light and in dark; without scripts nothing can measure it."""
        if not self.javascript:
            return
        self.turn(width=self.width, scheme="light")
        self.look(name)
        self.turn(width=self.width, scheme="dark")
        # It is the page that was just looked at: nothing but its colours is another.
        self.look(name, rules=COLOUR_RULES)

    def look_all(self, name: str) -> None:
        """Check the page as it stands on a phone and on a laptop, in light and in dark."""
        before = self.width
        for width in WIDTHS.values():
            self.turn(width=width, scheme="light")
            self.look_both(name)
        self.turn(width=before, scheme="light")

    def look(self, name: str, *, rules: Sequence[str] = ()) -> None:
        """Check the page as it stands, and keep an image of it when asked to.

        Args: rules: those of axe's to go by; without them all that the standard has.
        """
        sticks_out = self.sticks_out(name)
        assert not sticks_out, f"{name} is wider than the window: {sticks_out}"
        if self.javascript:
            violations = axe_violations(self.page, rules=rules)
            assert not violations, "\n".join([name, *violations])
            if self.claims and self.page.url.startswith(self.site):
                self._weigh(name)
        assert self.complaints == [], name

    def sticks_out(self, name: str) -> list[str]:
        """What is wider than the window, the innermost first; keeps an image of the page when asked to."""
        if self.javascript:
            # A heading waited for may stand on the page before as well: what is measured has arrived.
            self.page.wait_for_function("document.readyState === 'complete'")
        if os.environ.get("KEYDESK_SCREENSHOTS"):
            directory = Path(settings.BASE_DIR) / "var" / "screenshots"
            directory.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(
                path=directory / f"{name}-{self.width}-{self.scheme}.png",
                full_page=True,
                animations="disabled",
                timeout=60_000,
            )
        if not self.javascript:
            return []
        overflow = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return [f"{overflow} px", *self.page.evaluate(_TOO_WIDE)] if overflow > 0 else []

    def _weigh(self, name: str) -> None:
        size = self.page.evaluate(_BYTES)
        assert 3_000 < size <= MOST_BYTES, f"{name} is {size} bytes in all"
        jumps = self.page.evaluate(_JUMPS)
        assert not jumps, f"{name} jumps: {jumps}"

    def close(self) -> None:
        self.context.close()


@cache
def _axe(directory: Path) -> str:
    return (directory / "axe.min.js").read_text()


def axe_violations(page: Page, *, rules: Sequence[str] = ()) -> list[str]:
    """What axe finds on the page, one line each; nothing where axe is not installed.

    Args: rules: those to go by; without them all of AXE_TAGS.
    """
    found = find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        return []
    # Evaluated, not added as a script: the page's content security policy would rightly refuse that.
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(_axe(Path(found.origin).parent))
    # Only violations are spelt out, and no style sheet is fetched once more: the rules looked at are the same.
    result: dict[str, Any] = page.evaluate(
        "runOnly => axe.run(document, {runOnly, resultTypes: ['violations'], preload: false})",
        {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": AXE_TAGS},
    )
    return [
        f"{violation['id']}: {violation['help']} at {', '.join(str(node['target']) for node in violation['nodes'])}"
        for violation in result["violations"]
    ]


def mailed_code() -> str:
    """The sign-in code mailed last. A worker mails it; here its job is done on the spot."""
    send_notices(now=clock.now())
    return code_in(str(mail.outbox[-1].body))


def code_in(mail_text: str) -> str:
    """The sign-in code of a mail: the line that holds nothing else."""
    codes = re.findall(r"^\s*([0-9]{6})\s*$", mail_text, re.MULTILINE)
    assert len(codes) == 1, "the mail holds one code"
    return str(codes[0])
