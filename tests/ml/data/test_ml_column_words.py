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
