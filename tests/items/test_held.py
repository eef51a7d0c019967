"""The view that workers hold, without a database."""

from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.items.held import UNKNOWN, Catalogue


def row(item_id, **members):
    usual: dict[str, object] = {
        **dict.fromkeys(("title_en", "title_zh", "brand", "price_minor", "margin", "valid_from_us", "valid_to_us")),
        **dict.fromkeys(("substitute_of", "pack_of")),
        "category": [],
        "in_stock": True,
        "in_stock_by_store": {},
        "tags": [],
        "hidden": False,
        "is_deleted": False,
    }
    return SimpleNamespace(**{**usual, "item_id": item_id, **members})


def test_an_unknown_item_may_be_shown():
    catalogue = Catalogue().with_changes([row("a", hidden=True, in_stock=False, category=["x"])], 1)
    places = catalogue.places_of(["b", "a"])
    assert places.tolist() == [UNKNOWN, 1]
    assert catalogue.may_be_shown(places, 5).tolist() == [True, False]
    assert catalogue.are_in_stock(places, "s").tolist() == [True, False]
    assert catalogue.are_within(places, ["x"]).tolist() == [False, True]
    assert catalogue.are_within(places, []).tolist() == [True, True]
    item = catalogue.item("b")
    assert (item.is_known, item.hidden, item.title("en"), item.price_minor) == (False, False, None, None)
    assert catalogue.product_of("b") == "b"


def test_validity_begins_with_its_first_and_ends_before_its_last_moment():
    catalogue = Catalogue().with_changes([row("a", valid_from_us=10, valid_to_us=20), row("b", valid_to_us=20)], 1)
    places = catalogue.places_of(["a", "b"])
    shown = {at: catalogue.may_be_shown(places, at).tolist() for at in (9, 10, 19, 20)}
    assert shown == {9: [False, True], 10: [True, True], 19: [True, True], 20: [False, False]}


def test_stock_of_a_store():
    rows = [
        row("a", in_stock_by_store={"s": False, "t": True}),
        row("b", in_stock=False, in_stock_by_store={"s": True}),
    ]
    catalogue = Catalogue().with_changes(rows, 1)
    places = catalogue.places_of(["a", "b", "c"])
    stock = {store: catalogue.are_in_stock(places, store).tolist() for store in (None, "s", "t", "u")}
    assert stock == {
        None: [True, False, True],
        "s": [False, True, True],
        "t": [True, False, True],
        "u": [True, False, True],
    }
    catalogue = catalogue.with_changes([row("a")], 2)
    assert catalogue.are_in_stock(places, "s").tolist() == [True, True, True]


def test_categories_by_their_path():
    paths: tuple[list[str], ...] = (["food"], ["food", "dairy"], ["food", "dairy", "milk"], ["dairy"], [])
    catalogue = Catalogue().with_changes([row(str(n), category=path) for n, path in enumerate(paths)], 1)
    places = catalogue.places_of(map(str, range(5)))
    assert catalogue.are_within(places, ["food", "dairy"]).tolist() == [False, True, True, False, False]
    assert catalogue.are_within(places, ["none"]).tolist() == [False] * 5


def test_a_level_alone_is_found_wherever_it_stands():
    paths: tuple[list[str], ...] = (["food"], ["food", "dairy"], ["food", "dairy", "milk"], ["dairy"], [])
    catalogue = Catalogue().with_changes([row(str(n), category=path) for n, path in enumerate(paths)], 1)
    places = catalogue.places_of(map(str, range(5)))
    assert catalogue.are_within(places, ["dairy"]).tolist() == [False, True, True, True, False]
    assert catalogue.are_within(places, ["milk"]).tolist() == [False, False, True, False, False]
    assert catalogue.are_within(places, ["dairy", "food"]).tolist() == [False] * 5


def test_packs_and_substitutes():
    rows = [
        row("a", pack_of="milk"),
        row("b", pack_of="milk"),
        row("c", substitute_of="a"),
        row("d", substitute_of="gone"),
    ]
    catalogue = Catalogue().with_changes(rows, 1)
    assert [catalogue.product_of(each) for each in "abc"] == ["milk", "milk", "c"]
    packs = catalogue.packs(catalogue.places_of(["a", "b", "c", "unknown"]))
    assert packs[0] == packs[1] != 0
    assert packs[2] == packs[3] == 0
    assert catalogue.substitutes_for("a") == ["c"]
    assert catalogue.substitutes_for("gone") == ["d"]
    assert catalogue.substitutes_for("c") == []
    assert catalogue.item("c").substitute_of == "a"


def test_what_is_alike():
    rows = [row("a", pack_of="milk"), row("b", pack_of="milk"), row("c", substitute_of="a"), row("d")]
    catalogue = Catalogue().with_changes(rows, 1)
    assert catalogue.alike(["a"]) == {"a", "b", "c"}  # its packs, itself among them, and what stands in for it
    assert catalogue.alike(["c"]) == {"a", "c"}  # what it stands in for, and whatever else does
    assert catalogue.alike(["d", "unknown"]) == set()
    assert catalogue.alike([]) == set()
    later = catalogue.with_changes([row("a"), row("e", pack_of="milk")], 2)
    assert later.alike(["b"]) == {"b", "e"}
    assert catalogue.alike(["b"]) == {"a", "b"}


def test_a_title_stands_for_the_one_that_is_missing():
    rows = [row("a", title_en="milk"), row("b", title_zh="牛奶"), row("c"), row("d", title_en="tea", title_zh="茶")]
    catalogue = Catalogue().with_changes(rows, 1)
    titles = [catalogue.titles_at(place) for place in catalogue.places_of(["a", "b", "c", "d", "unknown"]).tolist()]
    assert titles == [("milk", "milk"), ("牛奶", "牛奶"), (None, None), ("tea", "茶"), (None, None)]


def test_tags():
    catalogue = Catalogue().with_changes([row("a", tags=["new", "cold"]), row("b")], 1)
    assert catalogue.have_tag(catalogue.places_of("abc"), "cold").tolist() == [True, False, False]


def test_a_catalogue_stays_as_it_is():
    before = Catalogue().with_changes([row("a", title_zh="牛奶", in_stock_by_store={"s": False})], 1)
    after = before.with_changes([row("a", hidden=True), row("b")], 2)
    assert (before.version, before.size, before.item("a").hidden, before.item("a").title("en")) == (1, 1, False, "牛奶")
    assert not before.are_in_stock(before.places_of(["a"]), "s")[0]
    assert before.place("b") == UNKNOWN
    assert (after.version, after.size, after.item("a").hidden) == (2, 2, True)


def test_a_deleted_item_is_hidden_and_counts_no_more():
    catalogue = Catalogue().with_changes([row("a"), row("b")], 1)
    catalogue = catalogue.with_changes([row("a", is_deleted=True, hidden=True, in_stock=False)], 2)
    assert catalogue.size == 1
    assert catalogue.may_be_shown(catalogue.places_of("ab"), 0).tolist() == [False, True]


def test_what_is_held_for_nothing_does_not_grow_for_ever():
    catalogue = Catalogue().with_changes([row("a")], 1)
    assert not catalogue.is_worn
    for n in range(1100):
        catalogue = catalogue.with_changes([row("a", brand=f"brand {n}")], n + 2)
    assert catalogue.is_worn


ITEMS = st.builds(
    row,
    st.sampled_from("abcdef"),
    title_en=st.sampled_from([None, "milk"]),
    in_stock=st.booleans(),
    in_stock_by_store=st.dictionaries(st.sampled_from("stu"), st.booleans()),
    pack_of=st.sampled_from([None, "p", "q"]),
    category=st.lists(st.sampled_from("xy"), max_size=2),
    hidden=st.booleans(),
)


@given(st.lists(ITEMS, max_size=30), st.integers(1, 5))
def test_changes_in_any_pieces_come_to_what_was_said_last(said, size):
    stepwise = Catalogue()
    for at in range(0, len(said), size):
        piece = list({each.item_id: each for each in said[at : at + size]}.values())
        stepwise = stepwise.with_changes(piece, at + 1)
    last = {each.item_id: each for each in said}
    at_once = Catalogue().with_changes(list(last.values()), 1)
    places, others = stepwise.places_of("abcdefg"), at_once.places_of("abcdefg")
    for each in "abcdefg":
        assert stepwise.item(each) == at_once.item(each)
    for store in (None, *"stuv"):
        found = stepwise.are_in_stock(places, store)
        assert found.tolist() == at_once.are_in_stock(others, store).tolist()
        told = [
            True if each not in last else last[each].in_stock_by_store.get(store, last[each].in_stock)
            for each in "abcdefg"
        ]
        assert np.array_equal(found, told)
