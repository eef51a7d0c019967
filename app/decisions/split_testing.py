"""Tests of two sides as they are kept, held and read."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from app.decisions import split_test_queries as queries
from app.decisions.outcome_queries import Rewarding
from app.decisions.split_test_queries import Asked
from app.decisions.split_test_schemas import MOST_DAYS, SplitTestIn
from app.decisions.split_tests import RunningTests, policies_named
from app.foundation.errors import Overlapping, TooLate, violation
from app.foundation.logs import log
from app.foundation.times import MAX_AHEAD_US, to_us
from app.lifecycle.actions import ActionCatalogue
from app.lifecycle.events import DAY_US
from app.lifecycle.sequences import least_samples
from app.lifecycle.split_readings import NOBODY, SideSums, SplitReading, read_sides
from app.lifecycle.split_tests import BELIEFS, CHAMPION, SplitTest
from app.models.artefact import ArtefactRefused
from app.models.policy_artefact import PolicyModel
from app.models.service import load_stored

_HISTORY_US: Final = 90 * DAY_US
"""Of what the sample is told from, at most."""
_ENOUGH: Final = 100
"""Persons of whom a deviation is believed."""
_WORST: Final = 0.5
"""The greatest deviation of whether something came."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class KeptTest(NamedTuple):
    """A test as it is kept. `planned_us` is its end as it was before it was ended early."""

    test_id: str
    wanted: SplitTestIn
    sample: dict[str, Any]
    starts_us: int
    ends_us: int
    planned_us: int
    changed_us: int
    changed_by: str

    @property
    def window_us(self) -> int:
        assert self.wanted.window_days is not None  # filled in when it was put
        return self.wanted.window_days * DAY_US

    def as_run(self, secret: bytes) -> SplitTest:
        """As decisions are made by it."""
        told = self.wanted
        of = (self.test_id, told.a, told.b, self.starts_us, self.ends_us, told.share, told.split)
        return SplitTest(*of, frozenset(told.channels), secret)


def kept_test(row: Any) -> KeptTest:
    """Of a row."""
    return KeptTest(row.test_id, SplitTestIn.model_validate(row.definition), *row[2:])


async def hold_tests(
    connection: AsyncConnection, secret: bytes, now_us: int, held: RunningTests | None
) -> RunningTests | None:
    """Those that run or are to, with the policies that they name; None: there are none. One whose policy cannot be
    read is of no decision."""
    tests = [kept_test(row).as_run(secret) for row in await queries.read_unfinished(connection, now_us)]
    if not tests:
        return None
    before, known = (frozenset(), {}) if held is None else (held.refused, held.policies)
    policies, refused = {}, set()
    for version in policies_named(tests):
        try:
            policies[version] = known.get(version) or await load_policy(connection, version)
        except ArtefactRefused as error:
            refused.add(version)
            if version not in before:
                log.error("test.policy_refused", version=version, reason=str(error))
    can_run = [test for test in tests if policies_named([test]) <= policies.keys()]
    return RunningTests(can_run, policies, frozenset(refused))


async def load_policy(connection: AsyncConnection, version: str) -> PolicyModel:
    """Of the registry. Raises ArtefactRefused, too where it is of another kind."""
    model = await load_stored(connection, version)
    if not isinstance(model, PolicyModel):
        raise ArtefactRefused(f"{version}: it is no policy.")
    return model


def fill_in(wanted: SplitTestIn, window_days: int, now_us: int) -> SplitTestIn:
    """With its beginning and window. Raises Malformed where it would begin in the past or after MOST_DAYS, be over
    before it begins, or be too long."""
    starts_at = wanted.starts_at or _EPOCH + timedelta(microseconds=now_us)
    starts_us, ends_us = to_us(starts_at), to_us(wanted.ends_at)
    if not now_us - MAX_AHEAD_US <= starts_us <= now_us + MOST_DAYS * DAY_US:
        raise violation(("starts_at",), f"A test begins now or later, within {MOST_DAYS} days.")
    if not max(starts_us, now_us) < ends_us <= starts_us + MOST_DAYS * DAY_US:
        raise violation(("ends_at",), f"A test ends after it began and after now, within {MOST_DAYS} days.")
    return wanted.model_copy(update={"starts_at": starts_at, "window_days": wanted.window_days or window_days})


async def check_sides(connection: AsyncConnection, wanted: SplitTestIn, catalogue: ActionCatalogue) -> None:
    """Raises Malformed where a side names what is not there, or two actions that nobody could have either of."""
    for name, side in (("a", wanted.a), ("b", wanted.b)):
        if side.policy not in (CHAMPION, BELIEFS):
            try:
                await load_policy(connection, side.policy)
            except ArtefactRefused:
                raise violation((name, "policy"), "There is no such learned policy.") from None
        if any(action_id not in catalogue.by_id for action_id in (*side.factors, *filter(None, [side.action_id]))):
            raise violation((name,), "It names an action that is not in the catalogue.")
    if wanted.action_ids is not None:
        one, other = (catalogue.by_id[action_id] for action_id in wanted.action_ids)
        channels = {*one.channels} & {*other.channels} & {*(wanted.channels or one.channels)}
        if not channels or not {*one.stages} & {*other.stages} or not (one.enabled and other.enabled):
            raise violation(("b", "action_id"), "Nobody could have either action: no stage and channel is both's.")


async def tell_sample(
    connection: AsyncConnection, wanted: SplitTestIn, now_us: int, rewarding: Rewarding
) -> dict[str, Any]:
    """What is to be known beforehand, as `SampleOut` has it; of who was decided of before the test."""
    deviation, told_from = wanted.deviation, "told"
    if deviation is None:
        deviation, told_from = await _find_deviation(connection, wanted, now_us, rewarding)
    least = None if deviation is None else least_samples(deviation, wanted.looked_for, wanted.split)
    persons = await _count_persons(connection, wanted, now_us)
    expected = int(persons * wanted.share * (1.0 - wanted.split)), int(persons * wanted.share * wanted.split)
    return {
        "least": None if least is None else dict(zip("ab", least, strict=True)),
        "expected": dict(zip("ab", expected, strict=True)),
        "is_enough": None if least is None else expected[0] >= least[0] and expected[1] >= least[1],
        "deviation": deviation,
        "deviation_from": None if deviation is None else told_from,
    }


async def _find_deviation(
    connection: AsyncConnection, wanted: SplitTestIn, now_us: int, rewarding: Rewarding
) -> tuple[float | None, str]:
    until_us = now_us - rewarding.window_us
    asked = Asked(until_us - _HISTORY_US, until_us, now_us, rewarding.window_us, wanted.action_ids, wanted.channels)
    sums = (await queries.read_sums(connection, asked, rewarding, 0)).get("a", NOBODY)
    if sums.counted >= _ENOUGH:
        rate, group = sums.buyers / sums.counted, sums.group_of(wanted.metric)
        variance = rate * (1.0 - rate) if wanted.metric == "bought" else 0.0 if group is None else group.variance
        if variance > 0:
            return float(variance**0.5), "history"
    return (_WORST, "worst_case") if wanted.metric == "bought" else (None, "")


async def _count_persons(connection: AsyncConnection, wanted: SplitTestIn, now_us: int) -> int:
    """Who took part, had the test been just before now, or in the last of that time where it is long."""
    assert wanted.starts_at is not None
    lasts_us = min(to_us(wanted.ends_at) - to_us(wanted.starts_at), _HISTORY_US)
    asked = Asked(now_us - lasts_us, now_us, now_us, 0, wanted.action_ids, wanted.channels)
    return await queries.count_persons(connection, asked)


async def put_test(
    connection: AsyncConnection, test_id: str, wanted: SplitTestIn, sample: dict[str, Any], now_us: int, by: str
) -> KeptTest:
    """Puts a test that has not begun, or ends one early. Raises TooLate where it has begun and would be another,
    Overlapping where another is of the same decisions."""
    await queries.lock_tests(connection)
    row = await queries.read_test(connection, test_id)
    before = None if row is None else kept_test(row)
    if before is not None and before.starts_us <= now_us:
        return await _end(connection, before, wanted, now_us, by)
    assert wanted.starts_at is not None
    starts_us, ends_us = to_us(wanted.starts_at), to_us(wanted.ends_at)
    for definition in await queries.list_overlapping(connection, test_id, starts_us, ends_us):
        theirs = definition["channels"]
        if not theirs or not wanted.channels or {*theirs} & {*wanted.channels}:
            raise Overlapping("Another test runs on these channels then: a decision is of one at most.")
    kept = KeptTest(test_id, wanted, sample, starts_us, ends_us, ends_us, now_us, by)
    return kept_test(await queries.put_test(connection, _row(kept)))


async def _end(connection: AsyncConnection, before: KeptTest, wanted: SplitTestIn, now_us: int, by: str) -> KeptTest:
    """The same, ended at another time; the very same where nothing is changed."""
    given, told = (each.model_copy(update=_UNTOLD) for each in (before.wanted, wanted))
    ends_us = to_us(wanted.ends_at)
    if given != told or ends_us > before.ends_us:
        raise TooLate("The test has begun: it can be ended early, and nothing else. Begin another one.")
    if ends_us == before.ends_us:
        return before
    ends_us = max(ends_us, min(now_us, before.ends_us))
    kept = before._replace(ends_us=ends_us, changed_us=now_us, changed_by=by)
    return kept_test(await queries.put_test(connection, _row(kept)))


_UNTOLD: Final = {"starts_at": None, "ends_at": _EPOCH}


def _row(kept: KeptTest) -> dict[str, Any]:
    told = kept._asdict()
    return {"definition": told.pop("wanted").model_dump(mode="json"), **told}


async def drop_test(connection: AsyncConnection, test_id: str, now_us: int) -> bool:
    """Removes a test that has not begun; False: there is none. Raises TooLate where it has begun."""
    await queries.lock_tests(connection)
    row = await queries.read_test(connection, test_id)
    if row is None:
        return False
    if row.starts_us <= now_us:
        raise TooLate("The test has begun: put it with an end of now.")
    await queries.delete_test(connection, test_id)
    return True


class ReadTest(NamedTuple):
    """The sums of side a and of side b, and what they say."""

    sums: tuple[SideSums, SideSums]
    reading: SplitReading


async def read_test(connection: AsyncConnection, kept: KeptTest, now_us: int, rewarding: Rewarding) -> ReadTest:
    """What a test says at a time."""
    wanted = kept.wanted
    asked = Asked(kept.starts_us, kept.ends_us, now_us, kept.window_us, wanted.action_ids, (), kept.test_id)
    found = await queries.read_sums(connection, asked, rewarding, queries.PAST_DAYS * DAY_US)
    a, b = found.get("a", NOBODY), found.get("b", NOBODY)
    return ReadTest((a, b), read_sides(a, b, wanted.metric, wanted.looked_for, wanted.split))
