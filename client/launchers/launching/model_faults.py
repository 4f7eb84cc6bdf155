"""What Pydantic finds wrong with a file's content, in the words of the file."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel

from launchers.launching.nearest import nearest


def fault_line(finding: Any, model: type[BaseModel], content: Any) -> tuple[str, str]:
    """`pools[0].type: should be a valid string`, and apart `, and is 5`: the value may be secret."""
    where, value = place(finding["loc"], content)
    if finding["type"] == "extra_forbidden":
        return f"{where}: unknown key{nearest(str(finding['loc'][-1]), keys_at(model, finding['loc'][:-1]))}", ""
    if finding["type"] == "missing":
        return f"{where}: is missing", ""
    if finding["type"] == "value_error":
        return f"{where}: {finding['ctx']['error']}", ""
    quotes = "; put it in quotes" if finding["type"] == "string_type" and isinstance(value, int | float) else ""
    return f"{where}: {re.sub('^[A-Z][a-z]+ should', 'should', finding['msg'])}", f", and is {value!r}{quotes}"


def place(location: tuple[int | str, ...], content: Any) -> tuple[str, Any]:
    """`("pools", 0, "type")` as `pools[0].type`, and the value there.

    Pydantic's location also names types that it tried and `[key]`; these are not part of the file and are left out.
    """
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part != "[key]" and isinstance(content, dict) and (part in content or part == location[-1]):
            text += f".{part}"
        else:
            continue
        content = step(content, part)
    return text.lstrip(".") or "the file", content


def step(content: Any, part: int | str) -> Any:
    """One level down, or None if there is nothing."""
    try:
        return content[part]
    except (KeyError, IndexError, TypeError):
        return None


def keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that are known at a place of the file: those of the model that its type hints lead to."""
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            model = section_in(model.model_fields[part].annotation) or model
    return [field.alias or name for name, field in model.model_fields.items()]


def section_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside `Model`, `list[Model]`, `dict[str, Model]`, `Model | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in getattr(annotation, "__args__", ()) if (found := section_in(inner))), None)
