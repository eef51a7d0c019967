"""What a page shows of an answer, against what came."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

LEFT_OUT: Final = "\x00…"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_HEX = re.compile(r"[0-9a-f]{16,}")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def read_shown(text: str) -> Any:
    """The JSON of a page, in which a bare `…` stands for what was left out."""
    written: list[str] = []
    containers: list[str] = []
    at = 0
    while at < len(text):
        string = _STRING.match(text, at)
        piece = string[0] if string else text[at]
        if piece in "{[":
            containers.append(piece)
        elif piece in "}]":
            containers.pop()
        elif piece == "…":
            is_member = containers and containers[-1] == "{" and not "".join(written).rstrip().endswith(":")
            piece = json.dumps(LEFT_OUT) + (":0" if is_member else "")
        written.append(piece)
        at += len(string[0]) if string else 1
    return json.loads("".join(written))


def differences(shown: Any, came: Any, varies: set[str], place: str = "") -> Iterator[str]:
    """Where the answer is not as shown, a sentence each. `varies`: members of which only the kind is compared."""
    if shown == LEFT_OUT:
        return
    if isinstance(shown, dict) and isinstance(came, dict):
        yield from _differences_of_members(shown, came, place)
        for name in shown.keys() & came.keys():
            compare = kind_differences if name in varies else differences
            yield from compare(shown[name], came[name], varies, f"{place}/{name}")
    elif isinstance(shown, list) and isinstance(came, list):
        yield from _differences_of_items(shown, came, varies, place)
    elif isinstance(shown, str) and isinstance(came, str) and shown.endswith("…"):
        if not came.startswith(shown[:-1]):
            yield f"{place or '/'}: shown {shown!r}, came {came!r}"
    elif shown != came or isinstance(shown, bool) != isinstance(came, bool):
        yield f"{place or '/'}: shown {json.dumps(shown, ensure_ascii=False)}, came {_brief(came)}"


def _brief(came: Any) -> str:
    return json.dumps(came, ensure_ascii=False)


def _differences_of_members(shown: dict[str, Any], came: dict[str, Any], place: str) -> Iterator[str]:
    for name in shown.keys() - came.keys() - {LEFT_OUT}:
        yield f"{place}/{name} is shown, and did not come"
    if LEFT_OUT not in shown:
        for name in came.keys() - shown.keys():
            yield f"{place}/{name} came, and is not shown: {_brief(came[name])}"


def _differences_of_items(shown: list[Any], came: list[Any], varies: set[str], place: str) -> Iterator[str]:
    """Items in their order; where some were left out, the next one may be anywhere after."""
    if LEFT_OUT not in shown and len(shown) != len(came):
        yield f"{place}: {len(shown)} items are shown, {len(came)} came: {_brief(came)}"
        return
    at, may_skip = 0, False
    for index, item in enumerate(shown):
        if item == LEFT_OUT:
            may_skip = True
            continue
        last = len(came) if may_skip else at + 1
        fitting = [i for i in range(at, min(last, len(came))) if not any(differences(item, came[i], varies))]
        if not fitting:
            closest = came[at] if at < len(came) else None
            yield from differences(item, closest, varies, f"{place}/{index}")
            return
        at, may_skip = fitting[0] + 1, False
    if at < len(came) and not may_skip:
        yield f"{place}: {len(came) - at} more items came: {_brief(came[at:])}"


def kind_differences(shown: Any, came: Any, varies: set[str], place: str = "") -> Iterator[str]:
    """Where the answer is of another form than shown: other members, another kind of value."""
    if shown == LEFT_OUT:
        return
    if isinstance(shown, dict) and isinstance(came, dict):
        yield from _differences_of_members(shown, came, place)
        for name in shown.keys() & came.keys():
            yield from kind_differences(shown[name], came[name], varies, f"{place}/{name}")
    elif isinstance(shown, list) and isinstance(came, list):
        for index, item in enumerate(shown):
            if item != LEFT_OUT and all(any(kind_differences(item, each, varies)) for each in came):
                yield f"{place}/{index}: nothing came of the form of {_brief(item)}, but {_brief(came[:2])}"
    elif _kind(shown) != _kind(came):
        yield f"{place or '/'}: shown {_brief(shown)}, came {_brief(came)}, which is of another kind"


def _kind(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return type(value).__name__
    if not isinstance(value, str):
        return "number"
    return "time" if _TIME.fullmatch(value) else "digest" if _HEX.fullmatch(value.rstrip("…")) else "text"


def text_differences(shown: str, came: str, varies: set[str]) -> Iterator[str]:
    """Of lines: `…` is any part of one, alone on a line any lines; spaces count as one."""
    pattern = ""
    for line in shown.splitlines():
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        elif line.strip():
            pattern += _line_pattern(" ".join(line.split()), "figures" in varies) + r"\n"
    lines = [" ".join(line.split()) for line in came.splitlines()]
    given = "".join(f"{line}\n" for line in lines if line)
    if not re.fullmatch(pattern, given):
        yield f"shown\n{shown}\ncame\n{came}"


def _line_pattern(line: str, has_other_figures: bool) -> str:
    pattern = re.escape(line).replace("…", ".*?")
    return re.sub(r"\d(?:[\d,]|\\\.(?=\d))*", r"[\\d,.]+", pattern) if has_other_figures else pattern


def http_differences(shown: str, came: str, varies: set[str]) -> Iterator[str]:
    """Of `curl -i`: the status line, those headers that are shown, and the body."""
    shown_head, _, shown_body = shown.partition("\n\n")
    came_head, _, came_body = came.replace("\r\n", "\n").partition("\n\n")
    status, *headers = shown_head.splitlines()
    if status != came_head.splitlines()[0]:
        yield f"shown {status!r}, came {came_head.splitlines()[0]!r}"
    for header in headers:
        if not re.search(f"^{_line_pattern(header, has_other_figures=False)}$", came_head, re.MULTILINE):
            yield f"{header!r} is shown, and did not come:\n{came_head}"
    yield from differences(read_shown(shown_body), json.loads(came_body), varies)
