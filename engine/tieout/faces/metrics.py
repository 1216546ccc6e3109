"""The figures of a run as OpenMetrics text: for a collector that reads a file, or for the web face to serve."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tieout.model.errors import SourceError

__all__ = ["open_metrics", "write_metrics"]


def open_metrics(manifest: Mapping[str, Any], seconds: Mapping[str, float] | None = None) -> str:
    """The OpenMetrics 1.0 text of one sealed run: rows by step, control totals, seconds where they are known.

    No name, account number or amount of a single row is in it.
    """
    lines = [
        "# TYPE tieout_run info",
        "# HELP tieout_run The sealed run that the figures are of.",
        _sample("tieout_run_info", {"run": manifest["run_id"], "as_of": manifest["as_of"]}, 1),
        "# TYPE tieout_unread_sources gauge",
        _sample("tieout_unread_sources", {}, len(manifest["unread"])),
        "# TYPE tieout_rows gauge",
        "# HELP tieout_rows What each step counted.",
    ]
    for step in manifest["steps"]:
        for name, count in step.items():
            if name != "stage":
                lines.append(_sample("tieout_rows", {"stage": step["stage"], "what": name}, count))
    lines += ["# TYPE tieout_control_total gauge", "# HELP tieout_control_total Rows by measure, currency and state."]
    for total in manifest["control_totals"]:
        place = {"measure": total["measure"], "currency": total["currency"]}
        for state in ("in", "matched", "exception", "excluded"):
            lines.append(_sample("tieout_control_total", {**place, "state": state}, total[f"count_{state}"]))
    if seconds:
        lines += ["# TYPE tieout_stage_seconds gauge", "# UNIT tieout_stage_seconds seconds"]
        lines += [_sample("tieout_stage_seconds", {"stage": stage}, value) for stage, value in seconds.items()]
    return "\n".join([*lines, "# EOF"]) + "\n"


def write_metrics(path: Path, manifest: Mapping[str, Any], seconds: Mapping[str, float]) -> None:
    """Writes the text so that a reader sees the old file or the new one, never half of it."""
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.write_text(open_metrics(manifest, seconds), "utf-8")
        fresh.replace(path)
    except OSError as exc:
        raise SourceError(f"{path}: cannot be written: {exc.strerror or exc}") from exc


def _sample(name: str, labels: Mapping[str, str], value: Any) -> str:
    shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{shown}}} {value}" if shown else f"{name} {value}"


def _escaped(text: str) -> str:
    return str(text).replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
