"""The mail inbox page: what Django's file-based backend wrote, readable and harmless."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from email.message import EmailMessage
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection

from sandbox.server import Sandbox
from tests.sandbox.conftest import START

RULE = b"\n" + b"-" * 79 + b"\n"


@pytest.fixture(scope="module")
def mailed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Path]]:
    folder = tmp_path_factory.mktemp("mail")
    with Sandbox(start_at=START, mail_dir=folder) as sandbox:
        yield sandbox, folder


@pytest.fixture
def folder(mailed: tuple[Sandbox, Path]) -> Path:
    for path in mailed[1].iterdir():
        path.unlink()
    return mailed[1]


class Page:
    def __init__(self, response: HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()


def get(sandbox: Sandbox, path: str) -> Page:
    host, _, port = sandbox.url.removeprefix("http://").partition(":")
    connection = HTTPConnection(host, int(port), timeout=10)
    try:
        connection.putrequest("GET", path, skip_accept_encoding=True)
        connection.endheaders()
        return Page(connection.getresponse())
    finally:
        connection.close()


def write(folder: Path, name: str, *messages: EmailMessage) -> None:
    (folder / name).write_bytes(b"".join(message.as_bytes() + RULE for message in messages))


def mail(subject: str, text: str = "Hello", to: str = "ada@example.org") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "keys@example.org", to, subject
    message.set_content(text)
    return message


@pytest.fixture
def sandbox(mailed: tuple[Sandbox, Path], folder: Path) -> Sandbox:
    return mailed[0]


def test_an_empty_inbox_says_so(sandbox: Sandbox) -> None:
    page = get(sandbox, "/inbox")
    assert page.status == 200
    assert "No messages yet" in page.text
    assert get(sandbox, "/inbox/1").status == 404


def test_it_reads_what_django_writes(sandbox: Sandbox, folder: Path) -> None:
    with get_connection("django.core.mail.backends.filebased.EmailBackend", file_path=str(folder)) as opened:
        for name in ("ada", "bea"):
            message = EmailMultiAlternatives(
                f"Your code, {name}", "Your code is 123456", "keys@example.org", [f"{name}@example.org"]
            )
            message.attach_alternative("<p>Your code is <b>123456</b></p>", "text/html")
            opened.send_messages([message])
    listing = get(sandbox, "/inbox").text
    assert listing.index("Your code, bea") < listing.index("Your code, ada")
    newest = get(sandbox, "/inbox/2")
    assert "bea@example.org" in newest.text
    assert "<pre>Your code is 123456" in newest.text
    assert 'srcdoc="&lt;p&gt;Your code is &lt;b&gt;123456&lt;/b&gt;&lt;/p&gt;' in newest.text


def test_numbers_stay_as_mail_arrives(sandbox: Sandbox, folder: Path) -> None:
    write(folder, "20260105-120000-1.log", mail("first"), mail("second"))
    assert "<h1>second</h1>" in get(sandbox, "/inbox/2").text
    write(folder, "20260105-120001-1.log", mail("third"))
    assert "<h1>second</h1>" in get(sandbox, "/inbox/2").text
    assert re.findall(r">(first|second|third)</a>", get(sandbox, "/inbox").text) == [
        "third",
        "second",
        "first",
    ]


def test_mail_to_one_person_is_found(sandbox: Sandbox, folder: Path) -> None:
    write(folder, "20260105-120000-1.log", mail("to Ada"), mail("to Bea", to="bea@example.org"))
    listing = get(sandbox, "/inbox?to=BEA@example").text
    assert "to Bea" in listing
    assert "to Ada" not in listing


def test_a_message_cannot_run_or_load_anything(sandbox: Sandbox, folder: Path) -> None:
    hostile = mail("<script>alert(1)</script>", text='<img src=x> https://example.org/a?b="><script>')
    hostile.add_alternative('"><script>alert(2)</script><img src="http://example.org/t.png">', subtype="html")
    write(folder, "20260105-120000-1.log", hostile)
    page = get(sandbox, "/inbox/1")
    assert "<script" not in page.text
    assert "<img src=x" not in page.text
    assert '<iframe sandbox title="HTML part"' in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert 'href="https://example.org/a?b=' in page.text
    assert "<script" not in get(sandbox, "/inbox").text


@pytest.mark.parametrize(
    "path",
    [
        "/inbox/../../etc/passwd",
        "/inbox/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/inbox/20260105-120000-1.log",
        "/inbox/-1",
        "/inbox/1/..",
        "/inbox/99999999999999",
    ],
)
def test_only_message_numbers_are_paths(sandbox: Sandbox, folder: Path, path: str) -> None:
    write(folder, "20260105-120000-1.log", mail("here"))
    page = get(sandbox, path)
    assert page.status == 404
    assert "root:" not in page.text


def test_links_folders_and_other_files_are_not_read(sandbox: Sandbox, folder: Path, tmp_path: Path) -> None:
    write(tmp_path, "elsewhere.log", mail("outside"))
    os.symlink(tmp_path / "elsewhere.log", folder / "20260105-120000-1.log")
    write(folder, "notes.txt", mail("not a log"))
    assert "No messages yet" in get(sandbox, "/inbox").text


def test_a_file_that_is_no_mail_does_no_harm(sandbox: Sandbox, folder: Path) -> None:
    (folder / "20260105-120000-1.log").write_bytes(b"\xff\xfe\x00 no mail at all")
    assert "(no subject)" in get(sandbox, "/inbox").text
    assert get(sandbox, "/inbox/1").status == 200


def test_the_first_page_leads_to_the_inbox(sandbox: Sandbox) -> None:
    page = get(sandbox, "/")
    assert (page.status, page.headers["Location"]) == (302, "/inbox")
    assert "prefers-color-scheme: dark" in get(sandbox, "/inbox/style.css").text
