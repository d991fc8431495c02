"""The dashboard and the alerts show what the server tells: every metric and every label in them is in a real scrape."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

from support.rpc import ACCEPT
from support.servers import running_server

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
RULES = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
ADDED = {"instance", "job"}
"""Labels that Prometheus adds to what it scrapes."""
WORDS = {
    "sum", "by", "on", "and", "rate", "increase", "time", "histogram_quantile", "le", "up",
} | ADDED  # fmt: skip
Labels = dict[str, set[str]]


def expressions() -> Iterator[tuple[str, str]]:
    for panel in PANELS:
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])
    yield from ((rule["alert"], rule["expr"]) for rule in RULES)


@pytest.fixture(scope="module")
def scrape(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of a server that has done a bit of everything."""
    env = {"MEMORY_EMBEDDER": "onnx:all-MiniLM-L6-v2"}
    with (
        running_server(tmp_path_factory.mktemp("grafana") / "data", env=env) as server,
        httpx.Client(base_url=server.url, timeout=60) as http,
    ):
        http.post("/memories", json={"content": "We deploy on Fridays, only after lunch"}).raise_for_status()
        wait_for_model(http)
        http.post("/memories/search", json={"query": "release schedule"}).raise_for_status()
        call = {"name": "memory_search", "arguments": {"query": "release"}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        http.post("/mcp", json=message, headers=ACCEPT).raise_for_status()
        http.post("/admin/backup").raise_for_status()
        return http.get("/metrics").text


def wait_for_model(http: httpx.Client) -> None:
    until = time.monotonic() + 60
    while http.get("/health").json()["embedding"]["state"] != "ready":
        assert time.monotonic() < until


@pytest.fixture(scope="module")
def told(scrape: str) -> Labels:
    """The labels of each metric."""
    found: Labels = {}
    for family in text_string_to_metric_families(scrape):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_the_dashboard_has_what_grafana_asks_of_one() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    source, *_ = DASHBOARD["templating"]["list"]

    assert {"title", "uid", "schemaVersion", "time", "templating", "panels"} <= set(DASHBOARD)
    assert DASHBOARD["schemaVersion"] >= 36
    assert "id" not in DASHBOARD, "an id belongs to one Grafana"
    assert (source["type"], source["query"], source["name"]) == ("datasource", "prometheus", "datasource")
    assert len(ids) == len(set(ids))
    for panel in PANELS:
        assert {"type", "title", "gridPos", "fieldConfig", "options"} <= set(panel)
        assert {"defaults", "overrides"} <= set(panel["fieldConfig"])
        assert panel["targets"]
        for part in (panel, *panel["targets"]):
            assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        refs = [target["refId"] for target in panel["targets"]]
        assert len(refs) == len(set(refs))


def test_no_panel_lies_on_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize(("name", "expression"), list(expressions()))
def test_every_metric_and_label_of_an_expression_is_in_a_scrape(name: str, expression: str, told: Labels) -> None:
    metrics = {word for word in re.findall(r"\b(?:memory|process)_\w+", expression) if word not in WORDS}
    labels = set().union(*(told[metric] for metric in metrics if metric in told)) | ADDED | {"le"}
    bare = re.sub(r'"[^"]*"|\[[^\]]*\]', "", expression)  # without strings and durations
    words = set(re.findall(r"\b[a-zA-Z_]\w*", bare)) - WORDS - metrics

    assert metrics <= set(told), f"{name}: {sorted(metrics - set(told))}"
    assert metrics or "up{" in expression
    assert words <= labels, f"{name}: {sorted(words - labels)}"
    for metric, matchers in re.findall(r"((?:memory|process)_\w+)\{([^}]*)\}", expression):
        assert set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", matchers)) <= told[metric] | ADDED, f"{name}: {metric}"


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: f"{panel['id']} {panel['title']}")
def test_a_legend_names_labels_that_its_expression_leaves(panel: dict[str, Any], told: Labels) -> None:
    for target in panel["targets"]:
        named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        summed = re.findall(r"\bby \(([^)]*)\)", target["expr"])
        metrics = re.findall(r"\b(?:memory|process)_\w+", target["expr"])
        left = set().union(*(told[metric] for metric in metrics)) | ADDED
        if "sum" in target["expr"]:
            left = {label.strip() for labels in summed for label in labels.split(",")}
        assert named <= left


def test_every_alert_says_what_happened_and_what_to_do() -> None:
    names = [rule["alert"] for rule in RULES]

    assert len(names) == len(set(names))
    for rule in RULES:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert {"summary", "description"} <= set(rule["annotations"])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool, which comes with prometheus")
def test_prometheus_itself_takes_the_files_and_finds_the_names_right(scrape: str) -> None:
    def promtool(*arguments: str, given: str = "") -> None:
        done = subprocess.run(["promtool", *arguments], input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    promtool("check", "rules", str(FOLDER / "alerts.yml"))
    promtool("check", "config", "--syntax-only", str(FOLDER / "prometheus.yml"))
    promtool("check", "metrics", given=scrape)


def test_the_page_names_every_metric(told: Labels) -> None:
    page = (FOLDER.parent / "metrics.md").read_text(encoding="utf-8")
    names = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in told if name.startswith("memory_")}

    assert {name for name in names if f"`{name}`" not in page} == set()
    assert set(re.findall(r"`(memory_\w+)`", page)) - names <= {"memory_delete"}
