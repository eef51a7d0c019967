"""A column means what its values say: totals of orders, currencies, statuses, marks and amounts of returns, coupons."""

import duckdb
import pytest

from ml.data.leavings import count_lost
from ml.data.transactions import Reading, UnusableTransactions, load_orders
from ml.data.words import OwnWords


def read(tmp_path, header, *lines):
    """({order: (total, refunded)}, lines lost)."""
    path = tmp_path / "a.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t")
        rows = connection.execute(
            """SELECT number, sum(amount_minor) FILTER (WHERE type = 'order.completed') / 100,
            sum(amount_minor) FILTER (WHERE type = 'order.refunded') / 100 FROM events GROUP BY ALL"""
        ).fetchall()
        return {reference: (total, refunded) for reference, total, refunded in rows}, count_lost(connection)


LINES = "customer_id,order_date,order_id,quantity,unit_price,amount"


def test_a_total_on_every_line_counts_once(tmp_path):
    lines = [f"C,2026-10-01,A,{line},60" for line in ("1,20", "2,15", "1,10")]
    assert read(tmp_path, LINES, *lines, "C,2026-10-02,B,1,20,20") == ({"A": (60, None), "B": (20, None)}, 0)


def test_a_total_on_the_first_line_alone_counts_once(tmp_path):
    assert read(tmp_path, LINES, "C,2026-10-01,A,2,30,100", "C,2026-10-01,A,1,35,") == ({"A": (100, None)}, 0)


def test_amounts_of_lines_are_added_up(tmp_path):
    lines = ["C,2026-10-01,A,1,20,20", "C,2026-10-01,A,2,10,20", "C,2026-10-02,B,1,5,5", "C,2026-10-02,B,1,6,6"]
    assert read(tmp_path, LINES, *lines)[0] == {"A": (40, None), "B": (11, None)}


def test_totals_and_amounts_of_lines_in_one_column_are_refused(tmp_path):
    lines = ["C,2026-10-01,A,1,20,30", "C,2026-10-01,A,1,10,30", "C,2026-10-02,B,1,5,5", "C,2026-10-02,B,1,6,6"]
    with pytest.raises(UnusableTransactions, match="--amount"):
        read(tmp_path, LINES, *lines)


def test_another_currency_is_lost_and_no_money_of_ours(tmp_path):
    lines = ["C,2026-10-01,A,CNY,5", "C,2026-10-01,B,JPY,12000", "C,2026-10-01,D,rmb,7", "C,2026-10-01,E,,8"]
    read_ = read(tmp_path, "customer_id,order_date,order_id,currency,total", *lines)
    assert read_ == ({"A": (5, None), "D": (7, None), "E": (8, None)}, 1)


def test_what_its_status_says_is_no_sale_is_none_and_not_lost(tmp_path):
    words = ("Completed", "cancelled", "wc-failed", "voided", "on-hold", "已取消", "refunded", "paid", "")
    lines = [f"C,2026-10-01,{n},{word},5" for n, word in enumerate(words)]
    orders, lost = read(tmp_path, "customer_id,order_date,order_id,status,total", *lines)
    assert sorted(orders) == ["0", "7", "8"]
    assert lost == 0


def test_statuses_of_another_kind_are_not_looked_at_and_mixed_ones_refused(tmp_path):
    header = "customer_id,order_date,order_id,status,total"
    assert len(read(tmp_path, header, "C,2026-10-01,A,gold,5", "C,2026-10-01,B,silver,5")[0]) == 2
    with pytest.raises(UnusableTransactions, match="'limbo'"):
        read(tmp_path, header, "C,2026-10-01,A,paid,5", "C,2026-10-01,B,limbo,5")


@pytest.mark.parametrize(
    ("yes", "no"),
    [("是", "否"), ("Return", "Sale"), ("Y", "N"), ("退货", "销售"), ("1", "0"), ("Sí", "no"), ("tak", "nie")],
)
def test_marks_of_returns_in_words(tmp_path, yes, no):
    lines = [f"C,2026-10-01,A,100,{no}", f"C,2026-10-05,B,40,{yes}"]
    assert read(tmp_path, "customer_id,order_date,order_id,total,is_return", *lines)[0] == {
        "A": (100, None),
        "B": (None, 40),
    }


@pytest.mark.parametrize("name", ["devolución", "Devuelto", "Retourné", "Zwrot", "Возврат", "返品"])
def test_columns_of_returns_in_other_languages(tmp_path, name):
    lines = ["C,2026-10-01,A,100,0", "C,2026-10-05,B,40,1"]
    assert read(tmp_path, f"customer_id,order_date,order_id,total,{name}", *lines)[0] == {
        "A": (100, None),
        "B": (None, 40),
    }


def test_a_note_before_a_status(tmp_path):
    lines = [
        "C,2026-10-01,A,5,完成",
        "C,2026-10-01,B,6,(删除)取消",
        "C,2026-10-01,D,7,【锁定】已完成",
        "C,2026-10-01,E,8,(cancelled)",
    ]
    assert sorted(read(tmp_path, "customer_id,order_date,order_id,total,订单状态", *lines)[0]) == ["A", "D"]


@pytest.mark.parametrize(
    "over",
    [
        *("(删除)等待出库", "已取消(退款成功)", "已发货（退款成功）", "【已关闭】交易成功", "交易成功 (已退款)"),
        *("Completed (Refunded)", "[cancelled] Paid"),
    ],
)
def test_brackets_that_say_that_an_order_is_none(tmp_path, over):
    lines = [
        "C,2026-10-01,A,5,交易成功",
        f"C,2026-10-01,B,6,{over}",
        "C,2026-10-01,D,7,交易成功(部分退款)",
        "C,2026-10-01,E,8,已发货(未退款)",
        "C,2026-10-01,F,9,(锁定)等待出库",
    ]
    orders, lost = read(tmp_path, "customer_id,order_date,order_id,total,订单状态", *lines)
    assert (sorted(orders), lost) == (["A", "D", "E", "F"], 0)


def test_a_shop_may_say_otherwise_of_brackets(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "customer_id,order_date,order_id,total,订单状态\nC,2026-10-01,A,5,已完成\nC,2026-10-02,B,6,(删除)等待出库\n"
    )
    words = OwnWords(statuses=("(删除)等待出库=sale",))
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t", reading=Reading(words=words))
        assert connection.execute("SELECT count(*) FROM events").fetchall() == [(2,)]


def test_a_reversal_beside_what_it_takes_back_counts_once(tmp_path):
    """Marked at its receipt, it never was; on a line of its own, its amount takes the receipt back."""
    lines = ["C,2026-10-01,A,5,J", "C,2026-10-01,B,7,N", "C,2026-10-02,D,-7,J"]
    found, lost = read(tmp_path, "customer_id,order_date,order_id,total,Storno", *lines)
    assert (found, lost) == ({"B": (7, None), "D": (None, 7)}, 0)


def test_what_was_never_paid_is_not_given_back(tmp_path):
    lines = ["C,2026-10-01,A,0.00,交易关闭,50", "C,2026-10-01,B,50,交易成功,0", "C,2026-10-02,D,50,交易关闭,50"]
    found, lost = read(tmp_path, "customer_id,order_date,order_id,total,订单状态,退款金额", *lines)
    assert (found, lost) == ({"B": (50, None), "D": (50, 50)}, 0)


def test_words_for_returns_that_are_not_known_are_refused(tmp_path):
    with pytest.raises(UnusableTransactions, match="'perhaps'"):
        read(tmp_path, "customer_id,order_date,order_id,total,is_return", "C,2026-10-01,A,100,perhaps")


def test_amounts_of_refunds_are_refunds_beside_their_orders(tmp_path):
    lines = ["C,2026-10-01,A,100,0.00", "C,2026-10-01,B,50,12.50", "C,2026-10-01,D,40,"]
    assert read(tmp_path, "customer_id,order_date,order_id,total,refund", *lines)[0] == {
        "A": (100, None),
        "B": (50, 12.5),
        "D": (40, None),
    }


def test_a_coupon_takes_off_and_is_no_refund(tmp_path):
    header = "customer_id,order_date,order_id,product_id,quantity,unit_price"
    lines = [
        "C,2026-10-01,A,P,1,100",
        "C,2026-10-01,A,COUPON,1,-20",
        "C,2026-10-02,B,P,-1,100",
        "C,2026-10-03,D,P,1,-5",
    ]
    assert read(tmp_path, header, *lines)[0] == {"A": (80, None), "B": (None, 100), "D": (None, 5)}


def test_a_coupon_of_minus_one_piece_takes_off_too(tmp_path):
    lines = "1,Tea,1,100\n1,优惠券,-1,20\n2,Tea,3,100\n2,Tea,-1,100\n"
    path = tmp_path / "a.csv"
    rows = "".join(f"A,2026-10-01,{line}\n" for line in lines.splitlines())
    path.write_text(f"customer,date,order_id,product,quantity,unit_price\n{rows}", encoding="utf-8")
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t")
        found = connection.execute("SELECT reference[1], type, amount_minor FROM events ORDER BY ALL").fetchall()
    assert found == [("1", "order.completed", 8000), ("2", "order.completed", 30000), ("2", "order.refunded", 10000)]


@pytest.mark.parametrize(
    ("name", "yes", "no"),
    [
        ("voided", "Y", "N"),
        ("is_cancelled", "1", "0"),
        ("是否取消", "是", "否"),
        ("cancelled_at", "2026-10-04", "0000-00-00 00:00:00"),
        ("cancelled_at", "1790820000", "NULL"),
        ("是否作废", "已作废", "未作废"),
        ("是否取消", "已取消", "正常"),
        ("作废标志", "作废", "有效"),
        ("voided", "Voided", "Not voided"),
        ("storniert", "storniert", "nicht storniert"),
    ],
)
def test_marks_and_times_of_cancellations(tmp_path, name, yes, no):
    path = tmp_path / "a.csv"
    path.write_text(f"customer,date,order_id,total,{name}\nA,2026-10-01,1,10,{no}\nA,2026-10-02,2,20,{yes}\n")
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t")
        assert connection.execute("SELECT amount_minor FROM events").fetchall() == [(1000,)]


def test_a_refund_that_names_nobody_is_of_the_customer_of_its_order(tmp_path):
    """But where numbers begin anew each day, it stays nobody's."""
    path = tmp_path / "a.csv"
    header, refund = "customer,date,order_id,amount\n", ",2026-10-05,1,-4\n"
    for more, customers in (("", {"A"}), ("B,2026-10-02,1,5\nC,2026-10-03,1,6\n", {"A", "B", "C", ""})):
        path.write_text(f"{header}A,2026-10-01,1,10\n{more}{refund}")
        said: list[str] = []
        with duckdb.connect() as connection:
            load_orders(connection, path, source="/t", say=said.append, reading=Reading(keeps_nobody=True))
            found = connection.execute("SELECT DISTINCT customer_id FROM events").fetchall()
        assert {customer for (customer,) in found} == customers
        assert any("nobody's" in sentence for sentence in said) == ("" in customers)


def test_of_two_that_name_nobody_the_one_whose_order_is_somebodys_is_not_told(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "customer,date,order_id,amount\nA,2026-10-01,1,10\n,2026-10-05,1,-4\n,2026-10-06,2,7\nB,2026-10-01,3,9\n"
    )
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t", reading=Reading(keeps_nobody=True))
        assert connection.execute("SELECT row, gone FROM left_out").fetchall() == [(3, False)]
        found = connection.execute("SELECT customer_id, amount_minor FROM events WHERE type = 'order.refunded'")
        assert found.fetchall() == [("A", 400)]


def test_a_negative_line_of_a_later_day_is_a_refund(tmp_path):
    lines = ["C,2026-10-01 18:20,A,100", "C,2026-10-01 18:20,A,-20", "C,2026-10-09 15:30,A,-5"]
    assert read(tmp_path, "customer_id,order_date,order_id,total", *lines)[0] == {"A": (80, 5)}


@pytest.mark.parametrize(
    ("name", "sale", "back"),
    [
        *(("transaction_type", "SALE", "Return"), ("交易类型", "销售", "退货"), ("业务类型", "零售", "销售退货")),
        *(("Type", "Invoice", "Credit Memo"), ("Belegart", "Rechnung", "Gutschrift")),
    ],
)
def test_kinds_of_lines_tell_returns(tmp_path, name, sale, back):
    lines = [f"C,2026-10-01,A,100,{sale}", f"C,2026-10-02,B,30,{back}"]
    assert read(tmp_path, f"customer_id,order_date,order_id,total,{name}", *lines)[0] == {
        "A": (100, None),
        "B": (None, 30),
    }


def test_kinds_that_say_nothing_of_returns_are_not_looked_at_and_mixed_ones_refused(tmp_path):
    header = "customer_id,order_date,order_id,total,type"
    assert read(tmp_path, header, "C,2026-10-01,A,5,gift", "C,2026-10-01,B,6,1")[0] == {"A": (5, None), "B": (6, None)}
    with pytest.raises(UnusableTransactions, match="--return-word swap"):
        read(tmp_path, header, "C,2026-10-01,A,5,refund", "C,2026-10-01,B,6,swap")


@pytest.mark.parametrize("mark", ["x", "✓", "-1", "1"])
def test_marks_of_returns(tmp_path, mark):
    lines = ["C,2026-10-01,A,5,", f"C,2026-10-02,B,6,{mark}"]
    assert read(tmp_path, "customer_id,order_date,order_id,total,returned", *lines)[0] == {
        "A": (5, None),
        "B": (None, 6),
    }


def test_a_payment_that_failed_or_was_given_back_is_no_sale_whatever_the_order_says(tmp_path):
    lines = [
        *("C,2026-10-01,A,5,Completed,Paid", "C,2026-10-01,B,6,Completed,Refunded"),
        *("C,2026-10-01,D,7,Cancelled,Paid", "C,2026-10-01,E,8,Processing,Failed", "C,2026-10-01,F,9,,Paid"),
    ]
    orders = read(tmp_path, "customer_id,order_date,order_id,total,Order Status,Payment Status", *lines)
    assert orders == ({"A": (5, None), "F": (9, None)}, 0)


def test_columns_that_are_not_used_are_told(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("customer_id,order_date,total,Voucher,Clerk\nC,2026-10-01,5,1,Li\n", encoding="utf-8")
    said: list[str] = []
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t", say=said.append)
    assert "Not used: 'Voucher', 'Clerk'." in said


def test_orders_beside_their_own_lines_are_refused_until_it_is_said_what_counts(tmp_path):
    path = tmp_path / "a.csv"
    kinds = ("Sale,30", "Sale Line,10", "Sale Line,20", "Payment,30")
    lines = [f"C,2026-10-01,A,{kind}" for kind in kinds]
    path.write_text("\n".join(("customer_id,order_date,order_id,Line Type,total", *lines)) + "\n", encoding="utf-8")
    with duckdb.connect() as connection:
        with pytest.raises(UnusableTransactions, match="--amount-is order"):
            load_orders(connection, path, source="/t")
        load_orders(connection, path, source="/t", reading=Reading(amount_is="order"))
        assert connection.execute("SELECT amount_minor FROM events").fetchall() == [(3000,)]
