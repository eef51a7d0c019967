"""Names of columns that are made of known words are found where nothing has a listed name."""

import pytest

from ml.data.columns import UnusableTransactions, guess_columns

BASE = {"customer_id": "customer_id", "timestamp": "date", "order_id": "order_id", "amount": "amount"}


def guess(meaning, name):
    """What a file has for a meaning whose other columns are plain."""
    return getattr(guess_columns([name, *(each for key, each in BASE.items() if key != meaning)]), meaning)


@pytest.mark.parametrize(
    ("meaning", "names"),
    [
        (
            "customer_id",
            "会员手机|买家手机号|收货人手机|客户编码|用户账号|openid|微信openid|Cust ID|Loyalty Number|Kunden-ID",
        ),
        ("customer_id", "Member Email|Account Number|顧客コード|会員ID|UnionID|Klant|contact_id"),
        ("timestamp", "结账时间|开单时间|业务日期|营业日期|成交日期|Sales Date|Posting Date|Buchungsdatum|Datum/Zeit"),
        ("timestamp", "Date de vente|Fecha de venta|Data di vendita|売上日|日付|Created|Order Date/Time"),
        ("order_id", "流水单号|结算单号|票号|发票编号|Sales ID|Document No|Bon-Nr.|Ticket|N° de ticket|伝票番号"),
        (
            "amount",
            "成交额|合计金额|折后金额|价税合计|应收金额|Sales Amount|Order Value|Net|Endbetrag|Prix total|売上金額",
        ),
        ("customer_id", "Sell-to Customer No.|Sold-to party|Loyalty #"),
        ("timestamp", "Trans Date|日期时间|Fakt.datum|TRANS_DATE|TXN_DATE"),
        ("order_id", "Trans #|Fakturanr|TXN_ID"),
        ("amount", "Importo netto|Ext Price|AMT|amount_cents|total in pence|金额(万元)"),
        ("quantity", "Units Sold|Stückzahl|商品件数|销量"),
        ("item_id", "商品SKU编码|PLU|宝贝标题|货品编号|Code article|Item Description"),
    ],
)
def test_formed_names(meaning, names):
    assert {name: guess(meaning, name) for name in names.split("|")} == {name: name for name in names.split("|")}


@pytest.mark.parametrize(
    ("meaning", "names"),
    [
        ("amount", "优惠金额|退款金额|运费|Tax Amount|Shipping Total|成本金额|Discount Total|积分总额|Refund Amount"),
        ("timestamp", "发货时间|退款时间|修改时间|Cancelled At|出生日期|Updated At|预计完成时间|Lieferdatum"),
        ("customer_id", "收银员编号|员工编号|Employee ID|Cashier|操作员|门店编号|Kassierer"),
    ],
)
def test_names_of_something_else_are_not_taken(meaning, names):
    for name in names.split("|"):
        with pytest.raises(UnusableTransactions, match=meaning):
            guess(meaning, name)


def test_a_listed_name_comes_before_a_formed_one():
    columns = guess_columns(["会员手机", "会员号", "结账时间", "下单时间", "成交额", "实付金额"])
    assert (columns.customer_id, columns.timestamp, columns.amount) == ("会员号", "下单时间", "实付金额")


def test_no_column_is_taken_twice():
    columns = guess_columns(["customer_id", "date", "Net", "Gross"])
    assert (columns.amount, columns.order_id) == ("Net", None)


def test_an_amount_that_is_made_of_pieces_and_price_is_not_looked_for():
    assert guess_columns(["customer_id", "date", "qty", "unit_price", "Net"]).amount is None


@pytest.mark.parametrize(
    "names",
    [
        "POS No|POS ID|Till No|Till Number|Checkout No|收银台号|收银员编号|Kassennummer|Sales Rep",
        "Payment Card|Payment Card No|Receipt Card|Transaction Code|Sales Code|Payment Code|支付方式|下单渠道",
        "退款单号|快递单号|Order Notes",
    ],
)
def test_what_many_orders_have_in_common_is_no_order_number(names):
    for name in names.split("|"):
        assert guess_columns(["customer_id", "date", "amount", name]).order_id is None


@pytest.mark.parametrize(
    "price", ["成交价", "销售价", "折后价", "Verkaufspreis", "Nettopreis", "Preis (netto)", "Prix TTC"]
)
def test_a_price_beside_pieces_is_of_one_of_them(price):
    columns = guess_columns(["customer_id", "date", "Menge", price])
    assert (columns.amount, columns.quantity, columns.unit_price) == (None, "Menge", price)


def test_a_price_alone_is_what_a_line_came_to():
    columns = guess_columns(["会员手机", "成交时间", "成交价"])
    assert (columns.amount, columns.unit_price) == ("成交价", None)


def test_a_price_beside_an_amount_is_not_looked_at():
    assert guess_columns(["customer_id", "date", "Menge", "Gesamtpreis", "Nettopreis"]).unit_price is None
