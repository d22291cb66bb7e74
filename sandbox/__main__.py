"""`python -m sandbox`: serve the stand-ins until interrupted."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from sandbox.easypost.formats import parse_time
from sandbox.easypost.settings import JOURNEYS, BadSetting, EasyPostSettings
from sandbox.server import Options, serve
from sandbox.vendor_json import Json


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        options = _options(given)
    except (BadSetting, ValueError) as error:
        parser.error(str(error))

    def listening(port: int) -> None:
        url = f"http://{options.host}:{port}"
        if given.json:
            print(json.dumps({"url": url, "port": port}), flush=True)
        else:
            print(
                f"EasyPost stand-in  {url}/v2\nStripe stand-in    {url}\nInbox              {url}/inbox",
                flush=True,
            )

    try:
        serve(options, listening)
    except OSError as error:
        print(f"cannot serve on {options.host}:{options.port}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=9000, help="0 for any free port; default: 9000")
    parser.add_argument("--virtual-clock", action="store_true", help="time moves only by the control API")
    parser.add_argument("--start-at", metavar="TIME", help="start of a virtual clock (ISO 8601)")
    parser.add_argument("--journey", choices=JOURNEYS, help="how parcels travel (default: test)")
    parser.add_argument("--seed", type=int, help="seed of realistic journeys (default: 0)")
    parser.add_argument("--mail-dir", type=Path, metavar="DIR", help="folder of the email files to show")
    parser.add_argument("--settings", default="{}", metavar="JSON", help="further settings, as a JSON object")
    parser.add_argument("--json", action="store_true", help="print the address as one JSON line")
    parser.add_argument("--ends-with-stdin", action="store_true", help=argparse.SUPPRESS)
    return parser


def _options(given: argparse.Namespace) -> Options:
    """Raises BadSetting or ValueError, naming what is wrong."""
    start_at = parse_time(given.start_at) if given.start_at else None
    if start_at is None and given.virtual_clock:
        start_at = datetime.now(UTC).replace(microsecond=0)
    settings: Json = json.loads(given.settings)
    for name in ("journey", "seed"):
        if getattr(given, name) is not None:
            settings[name] = getattr(given, name)
    return Options(
        host=given.host,
        port=given.port,
        start_at=start_at,
        mail_dir=given.mail_dir.resolve() if given.mail_dir else None,
        settings=EasyPostSettings().changed(settings),
        ends_with_stdin=given.ends_with_stdin,
    )


if __name__ == "__main__":
    sys.exit(main())
