"""The hosted checkout page: the amount and four possible outcomes. Works without scripts."""

from __future__ import annotations

import html

from aiohttp import web

from sandbox.stripe.account import StripeAccount
from sandbox.stripe.app import Stripe
from sandbox.stripe.errors import StripeError
from sandbox.stripe.resources import payments
from sandbox.stripe.store import CheckoutSession

_WITHOUT_DECIMALS = ("jpy", "krw")
_WITH_THREE = ("kwd", "bhd", "jod", "tnd")

STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --paper: #fcfcfd; --faint: #60646c; --rule: #d9d9e0;
  --accent: #4b3fc4; --on-accent: #ffffff; --bad: #a3261c; }
@media (prefers-color-scheme: dark) { :root { --ink: #edeef0; --paper: #111113; --faint: #b0b4ba;
  --rule: #363a3f; --accent: #b7affc; --on-accent: #16132e; --bad: #ff9d92; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 30rem; padding: 2rem 1rem 4rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.9rem; margin: 0 0 1rem; font-variant-numeric: tabular-nums; }
.stand-in { margin: 0 0 2rem; padding: .6rem .8rem; border: 1px solid var(--rule); border-radius: .5rem;
  color: var(--faint); }
.to { margin: 0; color: var(--faint); }
ul { list-style: none; margin: 0 0 2rem; padding: 0; border-top: 1px solid var(--rule); }
li { display: flex; justify-content: space-between; gap: 1rem; padding: .6rem 0;
  border-bottom: 1px solid var(--rule); font-variant-numeric: tabular-nums; }
form { margin: 0 0 .75rem; }
button, .leave { display: block; width: 100%; padding: .7rem 1rem; border: 1px solid var(--accent);
  border-radius: .5rem; background: none; color: var(--accent); font: inherit; text-align: center;
  text-decoration: none; cursor: pointer; }
button.first { background: var(--accent); color: var(--on-accent); font-weight: 600; }
button:focus-visible, a:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.error { color: var(--bad); font-weight: 600; }
"""

# No form-action: the page leads back to whoever sent the payer here.
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Pages:
    """Handlers of `/c/pay/…`."""

    def __init__(self, vendor: Stripe) -> None:
        self._vendor = vendor

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/c/style.css", self.style)
        app.router.add_get("/c/pay/{id}", self.show)
        app.router.add_post("/c/pay/{id}/{way:pay|decline|later|abandon}", self.go)

    async def style(self, request: web.Request) -> web.Response:
        return web.Response(text=STYLE, content_type="text/css")

    async def show(self, request: web.Request) -> web.Response:
        _, session = self._find(request)
        return _page(session)

    async def go(self, request: web.Request) -> web.Response:
        account, session = self._find(request)
        body = session.body
        if not session.is_open:
            return _page(session)
        match request.match_info["way"]:
            case "pay":
                payments.pay_session(account, session)
            case "later":
                payments.pay_later(account, session)
            case "decline":
                payments.decline(account, session)
                return _page(session, error="Your card was declined. Try another one.")
            case "abandon":
                raise web.HTTPSeeOther(body["cancel_url"])
        raise web.HTTPSeeOther(body["success_url"].replace("{CHECKOUT_SESSION_ID}", body["id"]))

    def _find(self, request: web.Request) -> tuple[StripeAccount, CheckoutSession]:
        for account in self._vendor.accounts.values():
            try:
                return account, account.session(request.match_info["id"])
            except StripeError:
                continue
        raise web.HTTPNotFound(text="There is no such page.")


def format_amount(amount: int, currency: str) -> str:
    code = currency.upper()
    if currency in _WITHOUT_DECIMALS:
        return f"{code} {amount}"
    places = 3 if currency in _WITH_THREE else 2
    return f"{code} {amount // 10**places}.{amount % 10**places:0{places}d}"


def _page(session: CheckoutSession, *, error: str = "") -> web.Response:
    body = session.body
    total = format_amount(body["amount_total"], body["currency"])
    lines = "".join(
        f"<li><span>{line['quantity']} × {html.escape(line['description'])}</span>"
        f"<span>{format_amount(line['amount_total'], line['currency'])}</span></li>"
        for line in session.lines
    )
    content = (
        "<p class='stand-in'>This page stands in for Stripe Checkout. No card is asked for and no money "
        f"moves.</p><p class='to'>Pay Keydesk</p><h1>{total}</h1><ul>{lines}</ul>"
    )
    if error:
        content += f"<p class='error' role='alert'>{html.escape(error)}</p>"
    if session.is_open:
        ways = (
            ("pay", f"Pay {total}", "first"),
            ("decline", "Pay with a card that is declined", ""),
            ("later", "Pay by a bank that takes days", ""),
            ("abandon", "Leave without paying", ""),
        )
        content += "".join(
            f"<form method='post' action='/c/pay/{body['id']}/{way}'>"
            f"<button class='{kind}'>{html.escape(label)}</button></form>"
            for way, label, kind in ways
        )
    else:
        said = {"complete": "This was paid, or is being paid.", "expired": "The time to pay is over."}
        content += f"<p>{said[body['status']]}</p><p><a class='leave' href='{_back(session)}'>Go back</a></p>"
    text = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>Pay {total}</title><link rel='stylesheet' href='/c/style.css'></head>"
        f"<body><main>{content}</main></body></html>"
    )
    return web.Response(text=text, content_type="text/html", headers=HEADERS)


def _back(session: CheckoutSession) -> str:
    body = session.body
    url = body["success_url"] if body["status"] == "complete" else body["cancel_url"]
    return html.escape(url.replace("{CHECKOUT_SESSION_ID}", body["id"]), quote=True)
