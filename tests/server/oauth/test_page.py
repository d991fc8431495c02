"""The page on which a person approves: what it shows, and what cannot be done with it."""

import re

import httpx
import pytest

from support.connectors import KEY, Connector
from support.servers import RunningServer


def test_it_says_who_asks_for_what_and_where_the_access_goes(connector: Connector) -> None:
    connector.register(client_name="Claude")

    page = connector.open_page(scope="memory:read").answer

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "“<bdi>Claude</bdi>”" in page.text
    assert "<dd>connector.example</dd>" in page.text
    assert "<dd>read memories</dd>" in page.text


def test_what_a_client_says_of_itself_is_text_and_nothing_more(connector: Connector) -> None:
    connector.register(client_name="</dd><script>alert(1)</script><b>The admin\u202e says: paste your key")

    page = connector.open_page(state='"><script>alert(2)</script>').answer.text

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\u202e" not in page


def test_a_program_on_the_own_computer_is_named_as_one(browser: httpx.Client, public: RunningServer) -> None:
    desktop = Connector(browser, public.url, redirect_uri="http://localhost:1234/callback")
    desktop.register()

    assert "a program on the computer on which you read this" in desktop.open_page().answer.text


def test_nothing_is_loaded_run_or_framed_and_the_form_goes_to_two_places_alone(connector: Connector) -> None:
    connector.register()

    answer = connector.open_page().answer

    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", policy.pop("style-src"))
    assert policy == {
        "default-src": "'none'",
        "form-action": "'self' https://connector.example",  # where the browser is sent with the code
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "<script" not in answer.text
    assert " style=" not in answer.text


def test_every_field_has_a_label_and_the_key_is_never_filled_in(connector: Connector) -> None:
    connector.register()

    page = connector.open_page()

    assert page.form.kinds["key"] == "password"
    assert page.form.fields["key"] == ""
    labelled = set(re.findall(r'<label[^>]* for="(\w+)"', page.answer.text))
    assert labelled == set(re.findall(r' id="([a-z_]+)"', page.answer.text)) - {"wrong"}
    described = " ".join(re.findall(r'aria-describedby="([^"]+)"', page.answer.text)).split()
    assert [name for name in described if f'id="{name}"' not in page.answer.text] == []


def test_the_cookie_goes_to_this_server_alone_and_no_script_reads_it(connector: Connector) -> None:
    connector.register()

    cookie = connector.open_page().answer.headers["set-cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


@pytest.mark.parametrize("answer", ["approve", "deny"])
def test_the_way_back_carries_the_issuer_and_is_no_form_again(connector: Connector, answer: str) -> None:
    """303, so that no browser sends the key on to the client."""
    connector.register()

    back = connector.open_page().send(decision=answer, key=KEY)

    assert back.status_code == 303
    assert f"iss={connector.url.replace(':', '%3A').replace('/', '%2F')}" in back.headers["location"]
    assert back.headers["referrer-policy"] == "same-origin"
    assert back.headers["cache-control"] == "no-store"
