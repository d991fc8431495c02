"""Which names and web origins a request may come by."""

import pytest

from support.apps import MakeApp

PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8420", "127.0.0.1:1", "[::1]:8420", "[::1]"])
async def test_without_a_key_loopback_names_are_answered(make_app: MakeApp, host: str) -> None:
    http = await make_app()

    assert (await http.get("/stats", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8420", "localhost.evil.example", "", "127.0.0.1.x"])
@pytest.mark.parametrize("path", ["/stats", "/health"])
async def test_without_a_key_no_other_name_is_answered(make_app: MakeApp, host: str, path: str) -> None:
    """A name that its owner points at 127.0.0.1 would let a stranger's page read everything."""
    http = await make_app()

    refused = await http.get(path, headers={"Host": host})

    assert refused.status_code == 421
    assert refused.json()["code"] == "misdirected"


async def test_named_hosts_are_answered_and_no_others(make_app: MakeApp) -> None:
    http = await make_app(api_key="k", allowed_hosts=("memory.lan", "other.lan:9000"))
    key = {"X-API-Key": "k"}

    assert (await http.get("/stats", headers=key | {"Host": "memory.lan:8420"})).status_code == 200
    assert (await http.get("/stats", headers=key | {"Host": "other.lan:9000"})).status_code == 200
    assert (await http.get("/stats", headers=key | {"Host": "third.lan"})).status_code == 421


async def test_with_a_key_any_name_will_do(make_app: MakeApp) -> None:
    http = await make_app(api_key="k")

    assert (await http.get("/stats", headers={"X-API-Key": "k", "Host": "nas.lan"})).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:9999", "file://", "http://["])
@pytest.mark.parametrize("path", ["/memories", "/mcp"])
async def test_a_foreign_page_is_refused(make_app: MakeApp, origin: str, path: str) -> None:
    http = await make_app()

    refused = await http.post(path, json={"content": "x"}, headers={"Origin": origin})

    assert refused.status_code == 403
    assert refused.json()["code"] == "forbidden"


async def test_our_own_page_may_call(make_app: MakeApp) -> None:
    http = await make_app()

    assert (await http.get("/stats", headers={"Origin": "http://localhost:8420"})).status_code == 200


async def test_a_named_origin_may_call_and_its_browser_is_told_so(make_app: MakeApp) -> None:
    http = await make_app(api_key="k", cors_origins=("https://app.example",))
    origin = {"Origin": "https://app.example"}

    asked = await http.options("/memories", headers=origin | PREFLIGHT)
    called = await http.get("/stats", headers=origin | {"X-API-Key": "k"})
    refused = await http.get("/stats", headers=origin)

    assert asked.status_code == 200
    assert "x-api-key" in asked.headers["access-control-allow-headers"].lower()
    for answer in (asked, called, refused):
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert (called.status_code, refused.status_code) == (200, 401)


async def test_a_foreign_preflight_is_refused(make_app: MakeApp) -> None:
    http = await make_app(cors_origins=("https://app.example",))

    refused = await http.options("/memories", headers={"Origin": "https://evil.example"} | PREFLIGHT)

    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers


async def test_a_star_lets_every_origin_call(make_app: MakeApp) -> None:
    http = await make_app(api_key="k", cors_origins=("*",))

    answer = await http.get("/stats", headers={"Origin": "https://any.example", "X-API-Key": "k"})

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_foreign_page_cannot_load_anything_as_an_image_a_script_or_a_frame(
    make_app: MakeApp, site: str
) -> None:
    """For those a browser sends no Origin, and an export is work for the server, whoever may read it."""
    http = await make_app()
    framed = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}

    for how in ({"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, framed):
        assert (await http.get("/export", headers=how)).status_code == 403


async def test_a_link_to_a_page_of_ours_can_be_followed_and_our_own_pages_load(make_app: MakeApp) -> None:
    http = await make_app()
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

    assert (await http.get("/docs", headers=followed)).status_code == 200
    assert (await http.post("/undo", json={}, headers=followed)).status_code == 403
    assert (await http.get("/stats", headers={"Sec-Fetch-Site": "same-origin"})).status_code == 200
    assert (await http.get("/stats", headers={"Sec-Fetch-Site": "none"})).status_code == 200


@pytest.mark.parametrize("name", ["Host", "Origin"])
async def test_a_header_that_decides_may_come_once(make_app: MakeApp, name: str) -> None:
    http = await make_app()

    answer = await http.get("/stats", headers=[(name, "localhost:8420"), (name, "evil.example")])

    assert answer.status_code == 400
