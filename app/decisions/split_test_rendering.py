"""A test of two sides and what it says, on the wire."""

from typing import Any, get_args

from app.decisions.split_test_words import Standing, summarise
from app.decisions.split_testing import KeptTest, ReadTest
from app.foundation.times import iso
from app.lifecycle.effects import Difference
from app.lifecycle.split_readings import RATIOS, SideSums, SplitReading
from app.lifecycle.split_tests import SideName


def render_test(kept: KeptTest, now_us: int) -> dict[str, Any]:
    """As it was put."""
    wanted = kept.wanted
    return {
        "test_id": kept.test_id,
        "status": status_of(kept, now_us),
        **wanted.model_dump(mode="json", exclude={"starts_at", "ends_at", "deviation"}),
        "starts_at": iso(kept.starts_us),
        "ends_at": iso(kept.ends_us),
        "planned_end": iso(kept.planned_us),
        "reads_at": iso(kept.planned_us + kept.window_us),
        "sample": kept.sample,
        "changed_at": iso(kept.changed_us),
        "changed_by": kept.changed_by,
    }


def status_of(kept: KeptTest, now_us: int) -> str:
    """How far it is."""
    if now_us < kept.starts_us:
        return "planned"
    if now_us < kept.ends_us:
        return "running"
    return "waiting" if now_us < kept.ends_us + kept.window_us else "complete"


def render_reading(kept: KeptTest, read: ReadTest, now_us: int, currency: str, language: str) -> dict[str, Any]:
    """As it was put, and what it says."""
    reading, status = read.reading, status_of(kept, now_us)
    is_early = kept.ends_us < kept.planned_us
    is_final = status == "complete" and not is_early
    is_small = now_us >= kept.ends_us and _is_small(kept, read)
    begins, reads = (iso(us)[:10] for us in (kept.starts_us, kept.planned_us + kept.window_us))
    standing = Standing(kept.wanted.metric, currency, begins, reads, status != "planned", is_final, is_early, is_small)
    warnings = {
        "horizon_not_reached": not is_final and not is_early,
        "ended_early": is_early,
        "few_persons": is_small,
        "sample_ratio_mismatch": reading.is_mismatched,
    }
    return {
        **render_test(kept, now_us),
        "currency": currency,
        "sides": [_render_side(name, sums) for name, sums in zip(get_args(SideName), read.sums, strict=True)],
        "sample_ratio": {"p": reading.ratio_p, "is_mismatch": reading.is_mismatched},
        "fixed": {
            "is_final": is_final,
            "difference": _told(reading.fixed),
            "adjusted": _told(reading.adjusted),
        },
        "any_time": _any_time(reading),
        "warnings": [name for name, is_so in warnings.items() if is_so],
        "summary": summarise(reading, standing, language),
    }


def _is_small(kept: KeptTest, read: ReadTest) -> bool:
    least = kept.sample["least"]
    return least is not None and any(
        sums.persons < least[name] for name, sums in zip(get_args(SideName), read.sums, strict=True)
    )


def _render_side(name: str, sums: SideSums) -> dict[str, Any]:
    group = sums.group
    return {
        "side": name,
        "decisions": sums.decisions,
        "persons": sums.persons,
        "counted": sums.counted,
        "buyers": sums.buyers,
        "rate": None if group.rate is None else round(group.rate, 6),
        "value": None if group.mean is None else round(group.mean, 6),
        **{metric: None if (ratio := sums.ratio(metric)) is None else round(ratio, 6) for metric in RATIOS},
    }


def _told(difference: Difference | None) -> dict[str, float] | None:
    return None if difference is None else {name: round(value, 6) for name, value in difference._asdict().items()}


def _any_time(reading: SplitReading) -> dict[str, Any] | None:
    found = reading.any_time
    if found is None:
        return None
    told = _told(Difference(found.difference, found.low, found.high))
    return {**(told or {}), "is_certain": found.is_certain}
