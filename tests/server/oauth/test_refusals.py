"""Each way to come by a token that is not one's own, and the answer to it."""

import httpx
import pytest

from support.connectors import KEY, Connector, answer_in, bearer, code_in
from support.servers import RunningServer


def error_of(answer: httpx.Response) -> str:
    assert answer.status_code == 400, answer.text
    assert answer.headers["cache-control"] == "no-store"
    said = answer.json()
    assert said["error_description"]
    return str(said["error"])


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"code": "cmc_of-nobody"}, "invalid_grant"),
        ({"client_id": "another"}, "invalid_grant"),
        ({"client_id": None}, "invalid_request"),
        ({"redirect_uri": "https://connector.example/other"}, "invalid_grant"),
        ({"resource": "https://other.example/mcp"}, "invalid_target"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": None}, "invalid_request"),
    ],
)
def test_a_code_is_worth_nothing_with(connector: Connector, changes: dict[str, str | None], error: str) -> None:
    connector.register()
    code = connector.approved(KEY)

    assert error_of(connector.fetch_tokens(code, **changes)) == error
    assert connector.fetch_tokens(code).status_code == 200  # for the one it is for, it still is


def test_a_code_that_comes_twice_ends_the_grant(browser: httpx.Client, connector: Connector) -> None:
    connector.register()
    code = connector.approved(KEY)
    tokens = connector.fetch_tokens(code).json()

    assert error_of(connector.fetch_tokens(code)) == "invalid_grant"
    assert browser.get("/memories", headers=bearer(tokens["access_token"])).status_code == 401
    assert error_of(connector.refresh(tokens["refresh_token"])) == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "too-short"}, "invalid_request"),
        ({"resource": "https://other.example/mcp"}, "invalid_target"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"state": "s" * 5000}, "invalid_request"),
    ],
)
def test_a_wrong_request_is_explained_to_the_person_and_nobody_is_sent_away(
    connector: Connector, changes: dict[str, str | None], error: str
) -> None:
    connector.register()

    answer = connector.open_page(**changes).answer

    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert f"https://connector.example/callback?error={error}&amp;" in answer.text  # a link, for who wants it
    assert 'name="key"' not in answer.text


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": "https://connector.example/callback/"},
        {"redirect_uri": "https://connector.example/callback?more"},
        {"redirect_uri": "https://CONNECTOR.example/callback"},
        {"redirect_uri": "https://connector.example:444/callback"},
    ],
)
def test_an_answer_to_an_address_that_is_not_registered_goes_nowhere(
    connector: Connector, changes: dict[str, str | None]
) -> None:
    connector.register()

    answer = connector.open_page(**changes).answer

    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "href" not in answer.text


def test_on_loopback_alone_the_port_is_free(browser: httpx.Client, public: RunningServer) -> None:
    desktop = Connector(browser, public.url, redirect_uri="http://127.0.0.1/callback")
    desktop.register()

    opened = desktop.open_page(redirect_uri="http://127.0.0.1:49152/callback")

    assert answer_in(opened.approve(key=KEY))["state"] == "a state"
    assert desktop.open_page(redirect_uri="http://127.0.0.1:49152/other").answer.status_code == 400
    assert desktop.open_page(redirect_uri="http://localhost:49152/callback").answer.status_code == 400


def test_a_field_that_comes_twice_is_refused(browser: httpx.Client, connector: Connector) -> None:
    connector.register()
    query = httpx.QueryParams(connector.request()).add("redirect_uri", "https://evil.example/")

    assert browser.get("/authorize", params=query).status_code == 400


@pytest.mark.parametrize(
    "uri",
    [
        "http://connector.example/callback",
        "javascript:alert(1)",
        "data:text/html,x",
        "cursor://callback",
        "https://user@connector.example/",
        "https://connector.example/#fragment",
        "https://connector.example/\\evil",
        "https://connector.example;frame-ancestors/",
        "https://connector.example,x/",
        "https://connector.example:port/",
        "https://connector.example/\t",
        "https://",
        "/callback",
        "https://connector.example/" + "x" * 500,
    ],
)
def test_an_address_where_anyone_could_listen_is_not_registered(connector: Connector, uri: str) -> None:
    assert error_of(connector.register(redirect_uris=[uri])) == "invalid_redirect_uri"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"redirect_uris":5}', b'{"client_name":"x"}', b"\xff", b"[" * 5000])
def test_what_describes_no_client_is_not_registered(browser: httpx.Client, body: bytes) -> None:
    answer = browser.post("/register", content=body)

    assert error_of(answer) in ("invalid_client_metadata", "invalid_redirect_uri")


def test_a_description_longer_than_any_is_not_read_to_its_end(browser: httpx.Client) -> None:
    assert browser.post("/register", content=b"x" * 20_000).status_code == 413
    assert browser.post("/token", content=b"x" * 20_000, headers=FORM).status_code == 413
    assert browser.post("/authorize", content=b"x" * 70_000, headers=FORM).status_code == 413


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_a_wrong_key_approves_nothing_and_the_choices_are_kept(connector: Connector) -> None:
    connector.register()
    page = connector.open_page()

    answer = page.approve(key="a guess", name="phone", scope="read", reach="some", projects="acme/site")
    page.answer = answer

    assert answer.status_code == 401
    assert page.form.alert == "The key is wrong, revoked or expired."
    assert "a guess" not in answer.text
    assert page.form.fields["key"] == ""
    kept = {name: page.form.fields[name] for name in ("name", "scope", "reach", "projects")}
    assert kept == {"name": "phone", "scope": "read", "reach": "some", "projects": "acme/site"}
    assert "code" in answer_in(page.approve(key=KEY))


@pytest.mark.parametrize("key", ["", " ", "cmo_token"])
def test_no_key_and_no_token_approves(connector: Connector, key: str) -> None:
    connector.register()

    assert connector.open_page().approve(key=key).status_code == 401


def test_the_token_of_a_connector_approves_no_other(connector: Connector) -> None:
    token = connector.connected(KEY)["access_token"]

    assert connector.open_page().approve(key=token).status_code == 401


def test_who_guesses_keys_is_slowed_down_like_at_every_other_door(browser: httpx.Client, connector: Connector) -> None:
    connector.register()
    guesser, other = {"X-Forwarded-For": "192.0.2.7"}, {"X-Forwarded-For": "192.0.2.8"}

    answers = [connector.open_page().approve(key=f"guess {n}", headers=guesser).status_code for n in range(11)]
    right = connector.open_page().approve(key=KEY, headers=guesser)

    assert answers == [401] * 10 + [429]
    assert "Rate limited, retry in" in right.text
    assert right.status_code == 429
    assert browser.get("/memories", headers={"X-API-Key": "guess"} | guesser).status_code == 429
    assert connector.open_page().approve(key=KEY, headers=other).status_code == 303


def test_an_answer_from_another_browser_or_to_another_request_counts_for_nothing(
    public: RunningServer, connector: Connector
) -> None:
    """The page was shown there and not here; what it showed is what is approved."""
    connector.register()
    page = connector.open_page()

    with httpx.Client(base_url=public.url) as elsewhere:
        fields = page.form.fields | {"decision": "approve", "key": KEY}
        assert elsewhere.post("/authorize", data=fields).status_code == 400
    changed = connector.open_page(state="another").form.fields["asked"]
    assert page.approve(key=KEY, asked=changed).status_code == 400
    assert page.approve(key=KEY, token="").status_code == 400
    assert page.approve(key=KEY).status_code == 303


def test_a_form_on_a_foreign_page_is_refused(connector: Connector) -> None:
    connector.register()
    page = connector.open_page()

    for origin in ("https://evil.example", "null"):
        assert page.approve(key=KEY, headers={"Origin": origin}).status_code == 403


def test_who_cancels_sends_the_client_a_no_and_needs_no_key(connector: Connector, public: RunningServer) -> None:
    connector.register()

    told = answer_in(connector.open_page().send(decision="deny"))

    assert told.pop("error_description")
    assert told == {"error": "access_denied", "state": "a state", "iss": public.url}


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"reach": "some"}, "Name a project, or choose all projects."),
        ({"name": "two words"}, "The name of a key is 1 to 64 letters, digits and . _ @ -, a letter or digit first."),
        ({"client_id": "x" * 300}, "client_id is 300 characters long; at most 256 fit."),
    ],
)
def test_a_choice_that_cannot_be_is_said_on_the_page(connector: Connector, choices: dict[str, str], said: str) -> None:
    connector.register()
    page = connector.open_page()

    page.answer = page.approve(key=KEY, **choices)

    assert page.answer.status_code == 422
    assert page.form.alert == said


def test_refresh_tokens_are_given_in_for_new_ones_and_old_ones_end_the_grant(
    browser: httpx.Client, connector: Connector
) -> None:
    first = connector.connected(KEY)
    second = connector.refresh(first["refresh_token"]).json()
    third = connector.refresh(second["refresh_token"]).json()
    assert browser.get("/memories", headers=bearer(third["access_token"])).status_code == 200

    assert error_of(connector.refresh(first["refresh_token"])) == "invalid_grant"

    for tokens in (first, second, third):
        assert browser.get("/memories", headers=bearer(tokens["access_token"])).status_code == 401
    assert error_of(connector.refresh(third["refresh_token"])) == "invalid_grant"


def test_a_refresh_whose_answer_was_lost_can_be_asked_for_again(browser: httpx.Client, connector: Connector) -> None:
    """Else a phone in a tunnel would lose its connection for good, and somebody would have to approve again."""
    first = connector.connected(KEY)
    lost = connector.refresh(first["refresh_token"]).json()

    again = connector.refresh(first["refresh_token"])

    assert again.status_code == 200
    assert connector.refresh(again.json()["refresh_token"]).status_code == 200
    assert error_of(connector.refresh(lost["refresh_token"])) == "invalid_grant"  # two have it: the grant ends
    assert browser.get("/memories", headers=bearer(again.json()["access_token"])).status_code == 401


def test_a_refresh_can_ask_for_less_and_not_for_more(connector: Connector) -> None:
    full = connector.connected(KEY)
    reading = connector.connected(KEY, scope="read")

    assert error_of(connector.refresh(reading["refresh_token"], scope="memory:write")) == "invalid_scope"
    connector.connected(KEY)
    assert full["scope"] == "memory:read memory:write"


@pytest.mark.parametrize("changes", [{"client_id": "another"}, {"resource": "https://other.example/mcp"}])
def test_a_refresh_token_is_worth_nothing_with(connector: Connector, changes: dict[str, str | None]) -> None:
    tokens = connector.connected(KEY)

    assert error_of(connector.refresh(tokens["refresh_token"], **changes)) in ("invalid_grant", "invalid_target")
    assert connector.refresh(tokens["refresh_token"]).status_code == 200


def test_a_refresh_token_opens_no_door(browser: httpx.Client, connector: Connector) -> None:
    connector.register()
    code = connector.approved(KEY)
    tokens = connector.fetch_tokens(code).json()

    assert browser.get("/memories", headers=bearer(tokens["refresh_token"])).status_code == 401
    assert browser.get("/memories", headers=bearer(code)).status_code == 401


def test_a_client_gives_its_tokens_back(browser: httpx.Client, connector: Connector, public: RunningServer) -> None:
    tokens = connector.connected(KEY)
    stranger = Connector(browser, public.url)
    stranger.register()

    assert stranger.revoke(tokens["refresh_token"]).status_code == 200  # which changes nothing
    assert browser.get("/memories", headers=bearer(tokens["access_token"])).status_code == 200
    assert connector.revoke(tokens["refresh_token"]).status_code == 200
    assert browser.get("/memories", headers=bearer(tokens["access_token"])).status_code == 401
    assert connector.revoke("never heard of").status_code == 200


def test_a_new_code_ends_no_grant_that_there_is(browser: httpx.Client, connector: Connector) -> None:
    first = connector.connected(KEY)

    code_in(connector.open_page().approve(key=KEY))

    assert browser.get("/memories", headers=bearer(first["access_token"])).status_code == 200
