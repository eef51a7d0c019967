"""How the report speaks of what a target foretells."""

from typing import Final, NamedTuple

from app.lifecycle.targets import CHURN, target_of


class Words(NamedTuple):
    """Of a probability, or of an amount, whose `share` and `others` say nothing.

    `held` is what the total is made up of, and `others` are the customers who do not add to it; `stated` is what is
    said of a customer; `share` and `share_then` are of the customers, in a month and in the horizon; `above` is what
    it means that more came than was stated; `odds` is what the curves multiply.
    """

    held: str
    others: str
    stated: str
    share: str
    share_then: str
    above: str
    odds: str


_CHURN: Final = Words(
    held="who stayed away",
    others="who came",
    stated="risk",
    share="share who stay away",
    share_then="share who did stay away",
    above="more stayed away",
    odds="the odds of staying away",
)


def words_of(target: str) -> Words:
    """By the name of a target."""
    if target == CHURN.name:
        return _CHURN
    if target_of(target).is_probability:
        held, share = f"with {target}", f"share with {target}"
        return Words(held, f"without {target}", "probability", share, share, "there were more", f"the odds of {target}")
    return Words(target, "", "expectation", "", "", "there were more", "the expectation")
