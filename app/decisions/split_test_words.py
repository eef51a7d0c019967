"""What a test of two sides says in a few sentences, English or Chinese."""

from typing import Final, NamedTuple

from app.lifecycle.effects import Difference
from app.lifecycle.split_readings import Metric, SplitReading


class Standing(NamedTuple):
    """How far a test is: `begins` and `reads` are days; `is_begun`, and `is_final`, that the fixed reading holds.
    `is_ended_early`: it never will."""

    metric: Metric
    currency: str
    begins: str
    reads: str
    is_begun: bool
    is_final: bool
    is_ended_early: bool
    is_small: bool


_SENTENCES: Final = {
    "mismatch": (
        "The sides have not the sizes that were meant: believe nothing below before you know why.",
        "两组人数与设定不符：查明原因之前，以下数字都不可信。",
    ),
    "planned": ("It begins on %s.", "测试将于 %s 开始。"),
    "more": ("B brings more than A: between %s and %s.", "B 优于 A：差值在 %s 至 %s 之间。"),
    "less": ("B brings less than A: between %s and %s.", "B 不如 A：差值在 %s 至 %s 之间。"),
    "level": (
        "No difference is shown: B less A may be anything between %s and %s.",
        "未显示差异：B 与 A 之差在 %s 至 %s 之间都有可能。",
    ),
    "any_time": ("This holds whenever you look.", "此结论无论何时查看都成立。"),
    "open": ("Nothing is certain yet.", "目前尚无定论。"),
    "early": (
        "The fixed reading is not to be believed before %s.",
        "固定样本的读数在 %s 之前不可采信。",
    ),
    "ended": (
        "It was ended early: the fixed reading will never hold, only the one at any time does.",
        "测试提前结束：固定样本的读数不再成立，只能采用随时有效的读数。",
    ),
    "small": ("Fewer took part than were needed.", "参与人数少于所需的最小样本。"),
}


def summarise(reading: SplitReading, standing: Standing, language: str) -> str:
    """The sentences, the gravest first."""
    is_chinese = language == "zh"
    told = _tell(reading, standing, is_chinese=is_chinese)
    return ("" if is_chinese else " ").join(_SENTENCES[name][is_chinese] % words for name, words in told)


def _tell(reading: SplitReading, standing: Standing, *, is_chinese: bool) -> list[tuple[str, tuple[str, ...]]]:
    if not standing.is_begun:
        return [("planned", (standing.begins,))]
    told: list[tuple[str, tuple[str, ...]]] = [("mismatch", ())] if reading.is_mismatched else []
    if reading.any_time is not None and reading.any_time.is_certain:
        found = Difference(reading.any_time.difference, reading.any_time.low, reading.any_time.high)
        told += [_verdict(found, standing, is_chinese=is_chinese), ("any_time", ())]
    elif standing.is_final and reading.fixed is not None:
        told.append(_verdict(reading.fixed, standing, is_chinese=is_chinese))
    else:
        told.append(("open", ()))
    if standing.is_ended_early:
        told.append(("ended", ()))
    elif not standing.is_final:
        told.append(("early", (standing.reads,)))
    return [*told, ("small", ())] if standing.is_small else told


def _verdict(found: Difference, standing: Standing, *, is_chinese: bool) -> tuple[str, tuple[str, str]]:
    name = "more" if found.low > 0 else "less" if found.high < 0 else "level"
    low, high = (_write(value, standing, is_chinese=is_chinese) for value in (found.low, found.high))
    return name, (low, high)


def _write(value: float, standing: Standing, *, is_chinese: bool) -> str:
    """A difference, with its sign."""
    if standing.metric in ("value", "value_per_order"):
        return f"{standing.currency} {value:+,.2f}"
    if standing.metric == "orders_per_visit":
        return f"每次到访 {value:+.3f} 单" if is_chinese else f"{value:+.3f} orders a visit"
    return f"{100 * value:+.1f} 个百分点" if is_chinese else f"{100 * value:+.1f} points"
