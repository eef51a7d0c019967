"""The tests of two sides that run, as a process holds them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.lifecycle.split_tests import BELIEFS, CHAMPION, SplitTest, Treatment
from app.models.policy_artefact import PolicyModel

Policies = Mapping[str, PolicyModel]
"""Version → learned policy."""


class RunningTests(NamedTuple):
    """Tests that run or are to, and the policies that their sides name. At most one is of any decision. One that names
    a policy that was `refused` is of none."""

    tests: Sequence[SplitTest]
    policies: Policies
    refused: frozenset[str] = frozenset()

    def assign(
        self, person_id: str, channel: str, at_us: int, champion: PolicyModel | None
    ) -> tuple[Treatment | None, PolicyModel | None]:
        """What a test has a person decided with, by the id that they go by; as everybody, where none has."""
        test = next((each for each in self.tests if each.runs(channel, at_us)), None)
        name = None if test is None else test.side_of(person_id)
        if test is None or name is None:
            return None, champion
        named = test.side(name).policy
        learned = champion if named == CHAMPION else None if named == BELIEFS else self.policies[named]
        return test.treatment(name), learned


def policies_named(tests: Sequence[SplitTest]) -> set[str]:
    """Versions of learned policies that sides name."""
    return {side.policy for test in tests for side in (test.a, test.b)} - {CHAMPION, BELIEFS}
