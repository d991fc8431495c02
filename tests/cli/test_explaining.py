"""`search --explain` and `context --query`, by keyword: the sum that makes a score, and nothing where nothing fits."""

import json
import re

from support.machines import Machine


def test_an_explanation_adds_up_to_the_score(machine: Machine, project: str) -> None:
    machine.run("-p", project, "add", "The API listens on port 8000")
    machine.run("-p", project, "add", "Ana prefers tabs")

    explained = machine.run("-p", project, "search", "which port is the API's?", "--explain").out

    score = float(explained.split("  ", 1)[0])
    parts = [float(part) for part in re.findall(r"^ +([+-]\d\.\d{3})  ", explained, re.MULTILINE)]
    assert sum(parts) == score
    assert "has port, api" in explained
    assert "evidence that it is relevant at all: " in explained


def test_why_is_data_for_programs(machine: Machine, project: str) -> None:
    machine.run("-p", project, "add", "The API listens on port 8000")

    plain = json.loads(machine.run("--json", "-p", project, "search", "port").out)
    explained = json.loads(machine.run("--json", "-p", project, "search", "port absent", "--explain").out)

    assert "why" not in plain["results"][0]
    why = explained["results"][0]["why"]
    assert (why["matched_terms"], why["missing_terms"], why["lexical_rank"]) == (["port"], ["absent"], 1)


def test_a_quoted_phrase_comes_first_and_its_absence_is_said(machine: Machine, project: str) -> None:
    machine.run("-p", project, "add", "schema changes: restart the worker, then the web server")
    machine.run("-p", project, "add", "worker worker worker: restart it after a change of its schema")

    first = machine.run("-p", project, "search", '"restart the worker"').out.splitlines()[0]
    absent = machine.run("-p", project, "search", '"restart worker" schema')

    assert "then the web server" in first
    assert 'no memory contains "restart worker" word for word' in absent.err
    assert len(absent.out.splitlines()) == 2


def test_a_context_for_a_prompt_is_what_is_relevant_to_it_or_nothing(machine: Machine, project: str) -> None:
    machine.run("-p", project, "add", "Restart the worker after a schema change", "--type", "decision")
    machine.run("-p", project, "add", "Ana prefers tabs", "--type", "preference")

    relevant = machine.run("-p", project, "context", "--query", "restart worker after schema change?")
    nothing = machine.run("-p", project, "context", "--query", "the capital of France")
    days = machine.run("-p", project, "context", "--query", "worker", "--days", "3")

    assert "Restart the worker" in relevant.out
    assert "Ana" not in relevant.out
    assert (nothing.out, nothing.code) == ("", 0)
    assert f"nothing relevant to this is kept in project {project}" in nothing.err
    assert days.code == 2
    assert "days goes with a context without query" in days.err
