"""Exports of shop systems are known by their columns, and read without any option."""

import duckdb
import pytest

from ml.data.leavings import count_lost
from ml.data.transactions import Reading, load_orders

ODOO = {
    "en": "Order Ref,Session,Date,Receipt Number,Customer,Employee,Total,Status",
    "zh": "订单参考,会话,日期,收据编号,客户,员工,合计,状态",
    "de": "Bestellreferenz,Sitzung,Datum,Belegnummer,Kunde,Mitarbeiter,Gesamt,Status",
    "fr": "Réf. de commande,Session,Date,Numéro de reçu,Client,Employé,Total,Statut",
    "es": "Ref. pedido,Sesión,Fecha,Número de recibo,Cliente,Empleado,Total,Estado",
}
ODOO_WORDS = {
    "en": ("Posted", "REFUND", "New"),
    "zh": ("已过账", "退款", "新建"),
    "de": ("Gebucht", "RÜCKERSTATTUNG", "Neu"),
    "fr": ("Comptabilisé", "REMBOURSEMENT", "Nouveau"),
    "es": ("Publicado", "REEMBOLSO", "Nuevo"),
}


SHOPIFY = (
    "Name,Email,Financial Status,Paid at,Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,"
    "Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Cancelled at,Refunded Amount,Id,Source"
)
WHEN = "2026-10-01 10:14:58 +0800"


def read(tmp_path, *lines, **reading):
    """({(number, type): amount}, {number: customer}, what was said, lines lost)."""
    path = tmp_path / "orders_export.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    said: list[str] = []
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t", say=said.append, reading=Reading(**reading))
        rows = connection.execute("SELECT number, type, amount_minor, customer_id FROM events").fetchall()
        lost = count_lost(connection)
    amounts = {(number, kind.removeprefix("order.")): minor / 100 for number, kind, minor, _ in rows}
    return amounts, {number: customer for number, *_, customer in rows}, " ".join(said), lost


def shopify(name, email, status, total, *, lines="1,Mug,30.00,MUG", currency="CNY", **more):
    cancelled, refunded, id_ = more.get("cancelled", ""), more.get("refunded", "0.00"), more.get("id_", "")
    paid = f"{currency},,,,{total},,0.00" if status else ",,,,,,"
    return f"{name},{email},{status},,{paid},{WHEN},{lines},{cancelled},{refunded if status else ''},{id_},web"


def test_shopify_orders(tmp_path):
    amounts, customers, said, lost = read(
        tmp_path,
        SHOPIFY,
        shopify("#1", "a@x.com", "paid", "100.00", lines="2,Mug,30.00,MUG"),
        shopify("#1", "a@x.com", "", "", lines="1,Tea,35.00,TEA"),
        shopify("#2", "b@x.com", "refunded", "40.00", refunded="40.00"),
        shopify("#3", "b@x.com", "voided", "70.00"),
        shopify("#4", "b@x.com", "paid", "70.00", cancelled=WHEN),
        shopify("#5", "c@x.com", "partially_refunded", "70.00", refunded="20.00"),
        shopify("#6", "c@x.com", "pending", "9.00"),
        shopify("#7", "c@x.com", "paid", "9.00", currency="USD"),
    )
    assert amounts == {
        ("#1", "completed"): 100,
        ("#2", "completed"): 40,
        ("#2", "refunded"): 40,
        ("#5", "completed"): 70,
        ("#5", "refunded"): 20,
    }
    assert customers == {"#1": "a@x.com", "#2": "b@x.com", "#5": "c@x.com"}
    assert "looks like an export of Shopify orders" in said
    assert "says that it was cancelled" in said
    assert lost == 1, "the one in another currency"


def test_shopify_orders_of_the_webhooks_source_are_known_as_these_know_them(tmp_path):
    first, second = shopify("#1", "a@x.com", "paid", "100.00", id_="5001"), shopify("#1", "a@x.com", "", "")
    assert read(tmp_path, SHOPIFY, first, second, by_number=True)[0] == {("5001", "completed"): 100}


def test_woocommerce_analytics(tmp_path):
    amounts, customers, said, lost = read(
        tmp_path,
        "Date,Order #,N. Revenue (formatted),Status,Customer,Customer type,Product(s),Items sold,Coupon(s),Net Sales",
        '2026-10-01 10:00:00,201,"¥1,250.00",completed,Ann Lee,new,"2× Mug, 1× Tea",3,SPRING,1240',
        "2026-10-02 10:00:00,202,¥40.00,refunded,Bob,new,1× Pot,1,,40",
        "2026-10-05 10:00:00,203,-¥40.00,refunded,Bob,returning,1× Pot,-1,,-40",
        "2026-10-06 10:00:00,204,-¥10.00,completed,Bob,returning,,0,,-10",
    )
    assert amounts == {("201", "completed"): 1250, ("204", "refunded"): 10}
    assert customers["201"] == "Ann Lee"
    assert "WooCommerce Analytics" in said
    assert lost == 0


def test_woocommerce_analytics_of_now_has_revenue_twice(tmp_path):
    amounts, _, _, lost = read(
        tmp_path,
        "Date,Order #,N. Revenue (formatted),Status,Customer,Customer type,Product(s),Items sold,Coupon(s),N. Revenue",
        '2026-10-01 10:00:00,201,"&#165;1.220,50",completed,Ann Lee,new,"2× Mug",3,SPRING,1220.5',
    )
    assert (amounts, lost) == ({("201", "completed"): 1220.5}, 0)


WOO_LINES = (
    "order_id,order_number,date,status,shipping_total,order_total,refunded_total,order_currency,customer_id,"
    "billing_email,item_name,item_sku,item_quantity,item_total"
)
WOO_LABELS = (
    "Order Number,Order Status,Order Date,First Name (Billing),Email (Billing),Order Shipping Amount,"
    "Order Refund Amount,Order Total Amount,SKU,Item Name,Quantity,Item Cost,Discount Amount"
)


@pytest.mark.parametrize(
    ("header", "line"),
    [
        (
            WOO_LINES,
            "{n},{n},2026-10-01 10:00:00,{status},10,{total},{refunded},CNY,7,{who},{item},,1,40",
        ),
        (
            WOO_LABELS,
            "{n},{status},2026-10-01 10:00,Ann,{who},10,{refunded},{total},,{item},1,40,",
        ),
    ],
)
def test_woocommerce_plugins(tmp_path, header, line):
    def row(n, status, total, refunded=0, item="Mug"):
        return line.format(n=n, status=status, total=total, refunded=refunded, item=item, who="a@x.com")

    amounts, customers, said, lost = read(
        tmp_path,
        header,
        row(1, "Completed", 110),
        row(1, "Completed", 110, item="Tea"),
        row(2, "wc-refunded", 40, 40),
        row(3, "cancelled", 40),
        row(4, "On hold", 40),
        row(5, "processing", 30, 15.5),
    )
    assert amounts == {
        ("1", "completed"): 110,
        ("2", "completed"): 40,
        ("2", "refunded"): 40,
        ("5", "completed"): 30,
        ("5", "refunded"): 15.5,
    }
    assert set(customers.values()) == {"a@x.com"}
    assert "looks like an export of WooCommerce orders" in said
    assert lost == 0


def test_odoo_orders_whose_lines_say_nothing_of_them(tmp_path):
    amounts, customers, said, lost = read(
        tmp_path,
        "Order Ref,Receipt Number,Session,Date,Customer,Total,Status,Order Lines/Product,Order Lines/Quantity,"
        "Order Lines/Unit Price,Order Lines/Discount (%),Order Lines/Subtotal",
        'Shop/1,Order 1,POS/1,2026-10-01 10:00:00,"Azure, Ann",110.00,Posted,[MUG] Mug,2,30,0,60',
        ",,,,,,,[TEA] Tea,1,100,50,50",
        "Shop/2,Order 2,POS/1,2026-10-01 11:00:00,Bob,40.00,Paid,[POT] Pot,1,40,0,40",
        "Shop/2 REFUND,Order 2,POS/1,2026-10-02 11:00:00,Bob,-40.00,Paid,[POT] Pot,-1,40,0,-40",
        "Shop/3,Order 3,POS/1,2026-10-01 11:00:00,Bob,40.00,New,[POT] Pot,1,40,0,40",
        ",,,,,,,[TEA] Tea,1,50,0,50",
        "Shop/4,Order 4,POS/1,2026-10-01 11:00:00,Bob,40.00,Cancelled,[POT] Pot,1,40,0,40",
    )
    assert amounts == {
        ("Shop/1", "completed"): 110,
        ("Shop/2", "completed"): 40,
        ("Shop/2", "refunded"): 40,
    }
    assert customers["Shop/1"] == "Azure, Ann"
    assert "Odoo" in said
    assert lost == 0


@pytest.mark.parametrize(
    ("header", "lines"),
    [
        (
            "Order Ref,Customer,Date,Product,Quantity,Subtotal,Status",
            ["1,Ann,2026-10-01 10:00:00,Mug,2,60,paid", "1,Ann,2026-10-01 10:00:00,Tea,1,50,paid"],
        ),
        ("name,pos_reference,date_order,partner_id,amount_total,state", ["S/1,1,2026-10-01 10:00:00,Ann,110,invoiced"]),
        (
            "name,date_order,partner_id,lines/product_id,lines/qty,lines/price_subtotal_incl,state,pos_reference",
            ["S/1,2026-10-01 10:00:00,Ann,Mug,2,60,paid,1", ",,,Tea,1,50,,"],
        ),
    ],
)
def test_odoo_by_labels_and_by_technical_names(tmp_path, header, lines):
    amounts, customers, said, lost = read(tmp_path, header, *lines)
    assert (amounts, customers, lost) == ({("1", "completed"): 110}, {"1": "Ann"}, 0)
    assert "Odoo" in said


def test_a_file_of_no_known_form_is_not_said_to_be_of_one(tmp_path):
    _, _, said, _ = read(tmp_path, "customer,date,order_id,total", "C,2026-10-01,1,5")
    assert "looks like" not in said


def test_line_rows_below_a_customer_belong_to_the_order_above_in_any_file(tmp_path):
    amounts, customers, _, lost = read(
        tmp_path,
        "customer,date,order_no,sku,quantity,price",
        "A,2026-10-01 10:00,1,X,1,5",
        ",,,Y,1,6",
        "B,2026-10-02 10:00,2,X,1,7",
        ",2026-10-03 10:00,3,X,1,8",
    )
    assert amounts == {("1", "completed"): 11, ("2", "completed"): 7}
    assert customers == {"1": "A", "2": "B"}
    assert lost == 1, "another order, of nobody"


@pytest.mark.parametrize(
    ("header", "line"),
    [
        (
            "amazon-order-id,merchant-order-id,purchase-date,order-status,sku,quantity,currency,item-price,buyer-email",
            "{n},,2026-10-0{n}T10:00:00+00:00,{status},S-{item},{pieces},CNY,{amount},{customer}@m.example.com",
        ),
        (
            "order-id,order-item-id,purchase-date,buyer-email,sku,quantity-purchased,currency,item-price,order-status",
            "{n},9{item},2026-10-0{n}T10:00:00-07:00,{customer}@m.example.com,S-{item},{pieces},CNY,{amount},{status}",
        ),
    ],
)
def test_amazon_order_reports_whose_price_is_of_all_pieces(tmp_path, header, line):
    rows = [(1, "Shipped", 1, 2, 20, "a"), (1, "Shipped", 2, 1, 5, "a"), (2, "Cancelled", 1, 1, 10, "b")]
    names = ("n", "status", "item", "pieces", "amount", "customer")
    lines = [line.format(**dict(zip(names, row, strict=True))) for row in rows]
    amounts, customers, said, lost = read(tmp_path, header, *lines)
    assert amounts == {("1", "completed"): 25}
    assert customers == {"1": "a@m.example.com"}
    assert "an export of Amazon orders" in said
    assert lost == 0


def test_names_of_amazon_in_a_file_of_ones_own(tmp_path):
    header = "amazon-order-id,purchase-date,buyer-id,sku,quantity-purchased,amount"
    amounts, customers, _, _ = read(tmp_path, header, "7,2026-10-01 10:00,B,S,2,20")
    assert (amounts, customers) == ({("7", "completed"): 20}, {"7": "B"})


@pytest.mark.parametrize("language", ODOO)
def test_odoo_in_several_languages(tmp_path, language):
    """A refund has its order's number, and a word behind it."""
    posted, refund, new = ODOO_WORDS[language]
    amounts, customers, said, lost = read(
        tmp_path,
        ODOO[language],
        f"Shop/0001,POS/1,2026-10-01 10:00:00,R 1,Ann,Mia,100.0,{posted}",
        f"Shop/0001 {refund},POS/1,2026-10-02 10:00:00,R 1,Ann,Mia,-40.0,{posted}",
        f"Shop/0002,POS/1,2026-10-02 11:00:00,R 2,Bo,Mia,25.0,{new}",
    )
    assert amounts == {("Shop/0001", "completed"): 100, ("Shop/0001", "refunded"): 40}
    assert (customers, lost) == ({"Shop/0001": "Ann"}, 0)
    assert "looks like an export of Odoo" in said


def test_a_refund_of_odoo_is_of_its_order(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(
        f"{ODOO['en']}\nShop/1,P,2026-10-01 10:00:00,R,Ann,M,9,Paid\n"
        "Shop/1 REFUND,P,2026-10-02 10:00:00,R,Ann,M,-9,Paid\n"
    )
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t")
        rows = connection.execute("SELECT DISTINCT reference FROM events").fetchall()
    assert rows == [("Shop/1/2026-10-01/Ann",)]


@pytest.mark.parametrize(
    ("header", "lines", "expected"),
    [
        (
            "商品,订单号,订单状态,商品总价(元),店铺优惠折扣(元),用户实付金额(元),商家实收金额(元),商品数量(件),手机,订单成交时间,售后状态",
            [
                '茶,1,"已发货，待签收",100,5,95,90,1,13900001111,2026-10-01 10:00:00,无售后或售后取消',
                "茶,2,已收货,100,5,95,90,1,13900002222,2026-10-01 11:00:00,退款成功",
                '茶,3,"已取消，退款成功",100,5,95,90,1,13900002222,2026-10-01 12:00:00,退款成功',
            ],
            {("1", "completed"): 95},
        ),
        (
            "主订单编号,选购商品,商品数量,商品单价,订单应付金额,优惠总金额,收件人手机号,订单提交时间,支付完成时间,订单状态",
            ["1\t,茶,1,50,45,5,137,2026/10/01 10:00:00,,已完成", "2\t,茶,1,50,50,0,137,2026/10/02 10:00:00,,已关闭"],
            {("1", "completed"): 45},
        ),
        (
            "订单号,订单状态,买家昵称,订单创建时间,商品名称,商品数量,商品单价,订单实付金额,商品已退款金额",
            ["1,交易完成,nick,2026-10-01 10:00:00,茶,2,50,130,0", "1,交易完成,nick,2026-10-01 10:00:00,杯,1,30,130,10"],
            {("1", "completed"): 130, ("1", "refunded"): 10},
        ),
    ],
    ids=["pinduoduo", "douyin", "youzan"],
)
def test_orders_of_chinese_platforms(tmp_path, header, lines, expected):
    amounts, _, _, lost = read(tmp_path, header, *lines)
    assert (amounts, lost) == (expected, 0)
