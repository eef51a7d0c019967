"""What the audit says of a call, and of many calls that are alike."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

MOST_CALLS: Final = 1000
"""Of a row: a chain is checked row by row."""


class Call(NamedTuple):
    """A call as it is noted. `key`: the header it was let in by, b"" for none; `outcome`: the status of its answer, 0
    where nobody heard it."""

    at_us: int
    key: bytes
    act: str
    operation: str
    outcome: int
    customer_ids: Sequence[str]
    request_id: str
    target: str | None


class Entry(NamedTuple):
    """A row before it is in the chain. `customers` are keyed hashes of ids; of `request_ids` each is of the customer in
    the same place, where a row is of several calls that are about one customer each."""

    at_us: int
    from_us: int
    made_by: str
    act: str
    operation: str
    outcome: int
    calls: int
    customers: Sequence[bytes]
    request_ids: Sequence[str]
    target: str | None


def gather(
    calls: Iterable[Call], name: Callable[[bytes], str], hash_customer: Callable[[str], bytes]
) -> Iterator[Entry]:
    """Calls of the same kind, by the same caller, with the same outcome, are one row; those about several customers one
    each."""
    alike = defaultdict[tuple[object, ...], list[Call]](list)
    for number, call in enumerate(calls):
        size = len(call.customer_ids)
        alike[call.key, call.operation, call.outcome, call.target, number if size > 1 else -size].append(call)
    for group in alike.values():
        for at in range(0, len(group), MOST_CALLS):
            piece = group[at : at + MOST_CALLS]
            first = piece[0]
            yield Entry(
                at_us=piece[-1].at_us,
                from_us=first.at_us,
                made_by=name(first.key),
                act=first.act,
                operation=first.operation,
                outcome=first.outcome,
                calls=len(piece),
                customers=[hash_customer(each) for call in piece for each in call.customer_ids],
                request_ids=[call.request_id for call in piece],
                target=first.target,
            )
