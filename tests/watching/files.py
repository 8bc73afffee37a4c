"""The alert rules and the dashboard, and the names of metrics that they ask for."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

WATCHING = Path(__file__).parents[2] / "docs" / "watching"
RULES, DASHBOARD = WATCHING / "alerts.yml", WATCHING / "dashboard.json"
# Where labels stand: after a name, and after the words that aggregate by them.
LABELS = re.compile(r"\{[^}]*\}|\b(?:by|without|on|ignoring)\s*\([^)]*\)")
METRIC = re.compile(r"\b(?:signoff|gen_ai|process)_\w+")


def rules() -> list[dict[str, Any]]:
    """The alerts, in their order."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    """The dashboard, as JSON says it."""
    return json.loads(DASHBOARD.read_text())


def queries() -> list[str]:
    """What the dashboard asks Prometheus."""
    return [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]


def metrics_in(expression: str) -> set[str]:
    """The names of metrics in an expression, without those of labels."""
    return set(METRIC.findall(LABELS.sub(" ", expression)))


def labels_in(expression: str) -> set[str]:
    """The names of labels in an expression: those that it selects, and those that it aggregates by."""
    places = LABELS.findall(expression)
    return {
        name for place in places for name in re.findall(r"\w+(?=\s*[!=~]+\s*\")" if "{" in place else r"\w+(?=\s*[,)])", place)
    }


def labels_asked_for() -> set[str]:
    return {name for query in [*queries(), *(rule["expr"] for rule in rules())] for name in labels_in(query)}


def metrics_of_rules() -> set[str]:
    return {name for rule in rules() for name in metrics_in(rule["expr"])}


def metrics_of_dashboard() -> set[str]:
    return {name for query in queries() for name in metrics_in(query)}
