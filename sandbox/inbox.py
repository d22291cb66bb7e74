"""An email inbox for a demo: the messages in a folder, as web pages.

Reads the files of Django's file-based mail backend, where each file holds one or more messages, a line of
79 dashes after each. Sign-in codes of the demo arrive here.
"""

from __future__ import annotations

import asyncio
import html
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_policy
from functools import cached_property
from pathlib import Path

from aiohttp import web

SEPARATOR = b"\n" + b"-" * 79 + b"\n"
LARGEST_FILE = 5_000_000
PAGE_SIZE = 100

# Nothing may load or run. Styles inside a message are harmless if they cannot load anything.
POLICY = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src data:; form-action 'self'"
POLICY += "; base-uri 'none'; frame-ancestors 'none'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --paper: #fcfcfd; --faint: #60646c; --rule: #d9d9e0;
  --accent: #0b63c5; }
@media (prefers-color-scheme: dark) { :root { --ink: #edeef0; --paper: #111113; --faint: #b0b4ba;
  --rule: #363a3f; --accent: #70b8ff; } }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 4rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
a { color: var(--accent); } a:focus-visible, input:focus-visible, button:focus-visible {
  outline: 3px solid var(--accent); outline-offset: 2px; }
h1 { font-size: 1.4rem; margin: 0 0 1rem; }
h2 { font-size: 1rem; color: var(--faint); margin: 1.5rem 0 .5rem; }
table { width: 100%; border-collapse: collapse; } th, td { text-align: left; padding: .5rem .75rem .5rem 0;
  border-bottom: 1px solid var(--rule); vertical-align: top; overflow-wrap: anywhere; }
th { color: var(--faint); font-weight: 600; } time { white-space: nowrap; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--rule); border-radius: .4rem;
  padding: 1rem; font: .95rem/1.5 ui-monospace, monospace; }
iframe { box-sizing: border-box; width: 100%; height: 32rem; background: #fff;
  border: 1px solid var(--rule); border-radius: .4rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
form { display: flex; align-items: center; gap: .5rem; flex-wrap: wrap; margin-bottom: 1rem; }
input, button { font: inherit; padding: .35rem .6rem; border: 1px solid var(--rule); border-radius: .3rem;
  background: var(--paper); color: var(--ink); }
"""

_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")


@dataclass(frozen=True)
class Mail:
    """One message, parsed when shown. `number` counts from the oldest, so it does not change later."""

    number: int
    written_at: datetime
    raw: bytes

    @cached_property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=default_policy)

    @property
    def subject(self) -> str:
        return str(self.message["subject"] or "(no subject)")

    @property
    def recipients(self) -> str:
        return ", ".join(str(self.message[name]) for name in ("to", "cc", "bcc") if self.message[name])

    def is_to(self, recipient: str) -> bool:
        # Search the raw bytes first: a full demo leaves thousands of messages to parse.
        wanted = recipient.lower()
        return not wanted or (wanted.encode() in self.raw.lower() and wanted in self.recipients.lower())

    def part(self, kind: str) -> str | None:
        """The body as `plain` or `html`, if there is one."""
        body = self.message.get_body(preferencelist=(kind,))
        if body is None:
            return None
        try:
            return str(body.get_content())
        except (KeyError, LookupError, ValueError):
            return None


class Inbox:
    """The messages in a folder; without a folder, none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        # Files are read once, and again after they have grown.
        self._read: dict[Path, tuple[int, list[bytes]]] = {}

    def mails(self) -> list[Mail]:
        """All messages, newest first."""
        found: list[Mail] = []
        for path, size, changed_at in self._files():
            for raw in self._messages(path, size):
                found.append(Mail(len(found) + 1, datetime.fromtimestamp(changed_at).astimezone(), raw))
        found.reverse()
        return found

    def _files(self) -> Iterator[tuple[Path, int, float]]:
        """Regular files directly in the folder, oldest first; no links, no subfolders."""
        if self._folder is None or not self._folder.is_dir():
            return
        entries = []
        for path in self._folder.glob("*.log"):
            facts = path.lstat()
            if stat.S_ISREG(facts.st_mode) and facts.st_size <= LARGEST_FILE:
                # The name starts with its creation time to the second; the rest is random.
                entries.append((path.name[:15], facts.st_mtime_ns, path, facts))
        for _, _, path, facts in sorted(entries, key=lambda entry: entry[:3]):
            yield path, facts.st_size, facts.st_mtime

    def _messages(self, path: Path, size: int) -> list[bytes]:
        known = self._read.get(path)
        if known is None or known[0] != size:
            raw = path.read_bytes()
            known = (size, [part for part in raw.split(SEPARATOR) if part.strip()])
            self._read[path] = known
        return known[1]


def add_routes(app: web.Application, inbox: Inbox) -> None:
    async def listing(request: web.Request) -> web.Response:
        mails = await asyncio.to_thread(inbox.mails)
        return _page("Inbox", _listing(mails, request.query.get("to", "").strip()))

    async def one(request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        mails = await asyncio.to_thread(inbox.mails)
        for mail in mails:
            if mail.number == number:
                return _page(mail.subject, _message(mail))
        return _page("Message not found", "<p><a href='/inbox'>Back to the inbox</a></p>", status=404)

    async def style(request: web.Request) -> web.Response:
        return web.Response(text=STYLE, content_type="text/css")

    async def home(request: web.Request) -> web.Response:
        raise web.HTTPFound("/inbox")

    app.router.add_get("/", home)
    app.router.add_get("/inbox", listing)
    app.router.add_get(r"/inbox/{number:\d{1,9}}", one)
    app.router.add_get("/inbox/style.css", style)


def _page(title: str, content: str, *, status: int = 200) -> web.Response:
    text = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<link rel="stylesheet" href="/inbox/style.css">
</head>
<body>
<main>
<h1>{html.escape(title)}</h1>
{content}
</main>
</body>
</html>
"""
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)


def _listing(mails: list[Mail], recipient: str) -> str:
    """The newest messages, of one recipient if given."""
    wanted = [mail for mail in mails if mail.is_to(recipient)]
    form = (
        "<form method='get' action='/inbox' role='search'><label for='to'>To</label>"
        f"<input id='to' name='to' value='{html.escape(recipient)}'><button>Filter</button></form>"
    )
    if not wanted:
        return f"{form}<p>No messages yet. Reload the page to check again.</p>"
    rows = "".join(_row(mail) for mail in wanted[:PAGE_SIZE])
    shown = min(len(wanted), PAGE_SIZE)
    return (
        f"{form}<p>{shown} of {len(wanted)} messages, newest first.</p>"
        "<table><thead><tr><th scope='col'>Subject</th><th scope='col'>To</th><th scope='col'>Time</th>"
        f"</tr></thead><tbody>{rows}</tbody></table>"
    )


def _row(mail: Mail) -> str:
    return (
        f"<tr><td><a href='/inbox/{mail.number}'>{html.escape(mail.subject)}</a></td>"
        f"<td>{html.escape(mail.recipients)}</td><td>{_time(mail)}</td></tr>"
    )


def _message(mail: Mail) -> str:
    facts = [
        ("From", html.escape(str(mail.message["from"] or ""))),
        ("To", html.escape(mail.recipients)),
        ("Time", _time(mail)),
    ]
    listed = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    parts = [f"<p><a href='/inbox'>Back to the inbox</a></p><dl>{listed}</dl>"]
    if (plain := mail.part("plain")) is not None:
        parts.append(f"<h2>Text</h2><pre>{_linked(plain)}</pre>")
    if (rich := mail.part("html")) is not None:
        # The sandbox attribute without permissions: no scripts, no forms, no navigation of the page.
        source = html.escape(rich, quote=True)
        parts.append(f'<h2>HTML</h2><iframe sandbox title="HTML part" srcdoc="{source}"></iframe>')
    return "".join(parts)


def _linked(text: str) -> str:
    """The text, escaped, with web addresses as links."""
    pieces, end = [], 0
    for link in _LINK.finditer(text):
        address = html.escape(link.group())
        pieces += [html.escape(text[end : link.start()]), f'<a href="{address}">{address}</a>']
        end = link.end()
    return "".join([*pieces, html.escape(text[end:])])


def _time(mail: Mail) -> str:
    return f"<time datetime='{mail.written_at.isoformat()}'>{mail.written_at:%Y-%m-%d %H:%M:%S}</time>"
