"""What lines of one order have in common: their number, or number and day where numbers begin anew."""

import duckdb
import pytest

from ml.data.transactions import Reading, UnusableTransactions, load_orders

SOURCE = "/import"


def read(tmp_path, *lines, header="customer_id,date,receipt_no,amount", **reading):
    """([(what orders are known by, amount)], what was said)."""
    path = tmp_path / "a.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    said: list[str] = []
    with duckdb.connect() as connection:
        load_orders(connection, path, source=SOURCE, reading=Reading(**reading), say=said.append)
        rows = connection.execute("SELECT reference, amount_minor FROM events ORDER BY ALL").fetchall()
    return [(reference, minor / 100) for reference, minor in rows], " ".join(said)


UNIQUE = ["C,2026-10-01 10:00,1,5", "C,2026-10-01 10:00,1,6", "D,2026-10-02 10:00,2,7"]
ANEW = ["C,2026-10-01 10:00,1,5", "C,2026-10-02 10:00,1,6", "D,2026-10-02 11:00,2,7"]


def test_a_number_that_is_one_order_s_is_known_with_its_day_and_customer(tmp_path):
    orders, said = read(tmp_path, *UNIQUE)
    assert orders == [("1/2026-10-01/C", 11), ("2/2026-10-02/D", 7)]
    assert "begin anew" not in said


def test_numbers_that_begin_anew_are_parted_by_day_and_told(tmp_path):
    orders, said = read(tmp_path, *ANEW)
    assert orders == [("1/2026-10-01/C", 5), ("1/2026-10-02/C", 6), ("2/2026-10-02/D", 7)]
    assert "1 of 2 in column 'receipt_no' stand on several days or for several customers ('1' on 2 days" in said
    assert "--order-numbers once" in said


def test_the_user_settles_it(tmp_path):
    assert read(tmp_path, *ANEW, order_numbers="once")[0] == [("1/2026-10-01/C", 11), ("2/2026-10-02/D", 7)]
    assert read(tmp_path, *ANEW, order_numbers="daily")[0] == read(tmp_path, *ANEW)[0]
    with pytest.raises(UnusableTransactions, match="--order-numbers is once or daily"):
        read(tmp_path, *ANEW, order_numbers="weekly")


def test_a_slip_among_many_numbers_parts_no_days(tmp_path):
    lines = [f"C,2026-10-01 10:00,{n},1" for n in range(200)]
    orders, said = read(tmp_path, *lines, "C,2026-10-02 09:00,7,2")
    assert len(orders) == 200
    assert ("7/2026-10-01/C", 3) in orders
    assert "--order-numbers daily" in said


def test_what_came_back_on_a_later_day_is_no_sign_and_belongs_to_its_order(tmp_path):
    orders, said = read(tmp_path, "C,2026-10-01 10:00,1,5", "C,2026-10-09 10:00,1,-5", "D,2026-10-02 10:00,2,7")
    assert orders == [("1/2026-10-01/C", 5), ("1/2026-10-01/C", 5), ("2/2026-10-02/D", 7)]
    assert "begin anew" not in said


def test_two_stores_that_gave_one_number_to_one_card_in_a_day_are_two_orders(tmp_path):
    lines = ["C,2026-10-01 10:00,1,5,north", "C,2026-10-01 15:00,1,6,south", "C,2026-10-02 15:00,1,7,south"]
    orders, said = read(tmp_path, *lines, header="customer_id,date,receipt_no,amount,store")
    assert [amount for _, amount in orders] == [5, 6, 7]
    assert "'store'" in said


def test_an_order_that_another_file_has_beside_others_is_known_by_the_same(tmp_path):
    assert set(read(tmp_path, ANEW[0])[0]) < set(read(tmp_path, *ANEW)[0])
    assert set(read(tmp_path, *UNIQUE[:2])[0]) < set(read(tmp_path, *UNIQUE)[0])


def test_numbers_that_begin_anew_are_refused_of_a_source_that_is_known_by_them(tmp_path):
    assert read(tmp_path, *UNIQUE, by_number=True)[0] == [("1", 11), ("2", 7)]
    with pytest.raises(UnusableTransactions, match="known by their number alone"):
        read(tmp_path, *ANEW, by_number=True)
