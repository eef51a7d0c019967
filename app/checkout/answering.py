"""The desk: scores, decisions and notes of stages for one batch, in the transaction that counts it."""

import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import orjson

from app.customers.linking import read_person_states
from app.customers.state import CustomerState, newcomer
from app.database.engine import Driver
from app.decisions.queries import READ_ANSWERS
from app.decisions.schemas import DecisionRequest
from app.decisions.service import (
    Deciding,
    Decision,
    customer_context,
    decide,
    write_decisions,
)
from app.scores.rendering import render_score
from app.scores.service import Score, score_states
from app.stages.service import StageContext, record_stages, stage_key


class Asked(NamedTuple):
    """What a decision is asked for. `due_us` is when it is wanted; later there is none (None: whenever)."""

    customer_id: str
    wanted: DecisionRequest
    language: str
    due_us: int | None


class Answering:
    """Each customer of a batch is read and scored at most once. `states` are those read already."""

    def __init__(self, driver: Driver, deciding: Deciding, states: dict[str, CustomerState], now_us: int) -> None:
        self._driver = driver
        self._deciding = deciding
        self._states = states
        self._now_us = now_us
        self._scores: dict[str, Score] = {}
        self.written: list[Decision] = []
        """The decisions whose receipts this batch writes."""

    async def read_answers(self, given: Mapping[str, str]) -> dict[str, bytes]:
        """The answers that decisions had, JSON. `given`: decision → customer."""
        rows = await self._driver.fetch(READ_ANSWERS, customer_id=list(given.values()), decision_id=list(given))
        return {row["decision_id"]: row["answer"].encode() for row in rows}

    async def decide(self, asked: Mapping[str, Asked]) -> dict[str, bytes]:
        """Decision → score and decision, JSON. Writes the receipts; where another process was first, its answer
        is the answer."""
        if not asked:
            return {}
        customer_ids = {item.customer_id for item in asked.values()}
        await self._read_missing(customer_ids)
        self._score(customer_ids)
        offered_us = {customer_id: self._states[customer_id].offered_us() for customer_id in customer_ids}
        deciding, now_us = self._deciding, self._now_us
        decided = []
        for decision_id, item in asked.items():
            score, offers = self._scores[item.customer_id], offered_us[item.customer_id]
            decision = decide(
                decision_id,
                customer_context(score, deciding, offers),
                item.wanted,
                deciding,
                now_us=now_us,
                language=item.language,
                is_late=item.due_us is not None and time.time_ns() // 1000 > item.due_us,
            )
            offers.update(dict.fromkeys(decision.offered, now_us))
            answer = {"score": render_score(score, deciding.scoring, item.language), "decision": decision.answer}
            decided.append((decision, orjson.dumps(answer)))
        written = await write_decisions(self._driver, decided)
        self.written += [decision for decision, _ in decided if decision.decision_id in written]
        answers = {decision.decision_id: answer for decision, answer in decided}
        lost = {key: item.customer_id for key, item in asked.items() if key not in written}
        return answers | await self.read_answers(lost) if lost else answers

    async def note(self, marks: Mapping[str, str | None]) -> None:
        """Notes the stages that are not as they are noted (`marks`): few of those whose state has changed."""
        self._score(marks)
        watching = StageContext(self._deciding.scoring, self._deciding.warning_risk)
        scores = (self._scores[customer_id] for customer_id in marks)
        changed = [score for score in scores if stage_key(score, watching) != marks[score.state.customer_id]]
        if changed:
            await record_stages(self._driver, changed, self._now_us, watching)

    async def _read_missing(self, customer_ids: Iterable[str]) -> None:
        missing = [customer_id for customer_id in customer_ids if customer_id not in self._states]
        if missing:
            found = await read_person_states(self._driver, missing)
            self._states |= {each: found.get(each) or newcomer(each) for each in missing}

    def _score(self, customer_ids: Iterable[str]) -> None:
        unscored = [self._states[customer_id] for customer_id in customer_ids if customer_id not in self._scores]
        for score in score_states(unscored, self._now_us, self._deciding.scoring):
            self._scores[score.state.customer_id] = score
