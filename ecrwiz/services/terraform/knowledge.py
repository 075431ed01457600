"""Terraform's state as `terraform state pull` gives it (format version 4, in use since Terraform 0.12)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ecrwiz.model.errors import ToolFailedError

__all__ = ["State", "read_state"]


@dataclass(frozen=True, slots=True)
class State:
    """What Terraform knows of.

    Attributes:
        outputs: values by name.
        resources: the attributes of each managed resource, by address.
    """

    outputs: Mapping[str, Any] = field(default_factory=dict)
    resources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_state(text: str) -> State:
    """Read a state; an empty text is an empty state.

    Raises:
        ToolFailedError: it is of another format.
    """
    if not text.strip():
        return State()
    try:
        data = json.loads(text)
        if data["version"] != 4:
            raise ValueError(data["version"])
        outputs = {name: item["value"] for name, item in data["outputs"].items()}
        resources = {
            # What a run that was cut left half-made may have none yet.
            _address(resource, instance): instance.get("attributes") or {}
            for resource in data["resources"]
            if resource["mode"] == "managed"
            for instance in resource["instances"]
        }
    except (ValueError, KeyError, TypeError) as error:
        raise ToolFailedError("Terraform's state is of a form that ecrwiz does not know.", "Update ecrwiz.") from error
    return State(outputs, resources)


def _address(resource: Mapping[str, Any], instance: Mapping[str, Any]) -> str:
    module = f"{resource['module']}." if resource.get("module") else ""
    index = f"[{json.dumps(instance['index_key'])}]" if "index_key" in instance else ""
    return f"{module}{resource['type']}.{resource['name']}{index}"
