"""The badge: a small picture with the number of redeemed keys, made of plain shapes."""

from reports.public.figures import PublicKeys

_LABEL = "keys redeemed"
# Wide enough in any font; `textLength` fits the text into it.
_LETTER, _PAD, _HEIGHT = 7.2, 8, 22


def badge_svg(keys: PublicKeys) -> bytes:
    """An SVG badge with a label and "count of total"."""
    number = f"{keys.redeemed:,} of {keys.total:,}"
    left, right = (round(len(text) * _LETTER + 2 * _PAD) for text in (_LABEL, number))
    width = left + right
    font = "system-ui, -apple-system, 'Segoe UI', sans-serif"
    parts = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_HEIGHT}" role="img"'
        f' aria-label="{_LABEL}: {number}">',
        f"<title>{_LABEL}: {number}</title>",
        f'<rect width="{width}" height="{_HEIGHT}" rx="4" fill="#0b5c86"/>',
        f'<path d="M4 0h{left - 4}v{_HEIGHT}H4a4 4 0 0 1-4-4V4a4 4 0 0 1 4-4z" fill="#2d3742"/>',
        f'<g fill="#fff" font-family="{font}" font-size="12" text-anchor="middle">',
        f'<text x="{left / 2}" y="15">{_LABEL}</text>',
        f'<text x="{left + right / 2}" y="15" font-weight="600">{number}</text>',
        "</g></svg>\n",
    )
    return "".join(parts).encode()
