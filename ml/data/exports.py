"""Exports of shop systems, known by their columns: what they call things, and what stands once an order.

The names are those that the systems write: Shopify's orders CSV; WooCommerce's Analytics, and the columns that its
common export plugins share; Odoo's orders and order lines of the point of sale, by labels and by technical names;
Amazon's order reports, of all orders or of those to be shipped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Export:
    """A form of export. Names are compact ones (`ml.data.columns.compact`), the likeliest first.

    It is known by having a name of each of `marks`. A meaning that `columns` gives no name for is guessed as in any
    file, one with an empty list is not looked for. `totals`: names of amounts that are an order's, on whichever lines
    they stand. `waiting`: statuses that are no sale yet, beside those of any file. `ids`: names of what the system's
    webhooks know an order by. `refund_marks`: what the system puts behind an order's number where it is given back.
    """

    name: str
    marks: Sequence[frozenset[str]]
    columns: Mapping[str, Sequence[str]]
    totals: frozenset[str] = frozenset()
    waiting: frozenset[str] = field(default_factory=frozenset)
    ids: Sequence[str] = ()
    refund_marks: Sequence[str] = ()


def _marks(*groups: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(group.split()) for group in groups)


SHOPIFY: Final = Export(
    "Shopify orders",
    _marks("name", "financialstatus", "lineitemname lineitemprice lineitemquantity"),
    {
        "customer_id": ["email", "phone", "billingphone", "billingname"],
        "timestamp": ["createdat", "paidat"],
        "order_id": ["name", "id"],
        "amount": ["total"],
        "quantity": ["lineitemquantity"],
        "unit_price": ["lineitemprice"],
        "item_id": ["lineitemsku", "lineitemname"],
        "category": [],
        "discount": ["discountamount"],
        "channel": ["source"],
        "is_return": ["refundedamount"],
        "currency": ["currency"],
        "status": ["financialstatus"],
        "cancelled_at": ["cancelledat"],
    },
    frozenset(["total"]),
    ids=["id"],
)
_WOO_ANALYTICS: Final = Export(
    "WooCommerce Analytics orders",
    _marks("date", "order", "nrevenue netsales", "customertype product itemssold"),
    {
        "customer_id": ["customer"],
        "timestamp": ["date"],
        "order_id": ["order"],
        "amount": ["nrevenue", "netsales"],
        "quantity": ["itemssold"],
        "unit_price": [],
        "item_id": [],
        "category": [],
        "discount": [],
        "channel": [],
        "is_return": [],
        "currency": [],
        "status": ["status"],
    },
)
_WOO_ADMIN: Final = Export(
    "WooCommerce orders",
    _marks("orderstatus", "ordertotalamount", "ordernumber orderid orderdate"),
    {
        "customer_id": ["emailbilling", "billingemail", "email", "customeremail", "phonebilling", "customeruserid"],
        "timestamp": ["orderdate", "paiddate"],
        "order_id": ["ordernumber", "orderid"],
        "amount": ["ordertotalamount"],
        "quantity": ["quantity", "quantityrefund"],
        "unit_price": ["itemcost"],
        "item_id": ["sku", "itemname"],
        "category": ["category"],
        "discount": ["cartdiscountamount"],
        "channel": [],
        "is_return": ["orderrefundamount"],
        "currency": ["ordercurrency", "currency"],
        "status": ["orderstatus"],
    },
    frozenset(["ordertotalamount"]),
    ids=["orderid"],
)
_WOO_PLUGIN: Final = Export(
    "WooCommerce orders",
    _marks("ordernumber orderid", "ordertotal", "billingemail customeremail billingfirstname", "status orderstatus"),
    {
        "customer_id": ["billingemail", "customeremail", "billingphone", "customerid", "customeruser"],
        "timestamp": ["orderdate", "date", "datecreated", "paiddate"],
        "order_id": ["ordernumber", "orderid"],
        "amount": ["ordertotal"],
        "quantity": ["itemquantity", "quantity"],
        "unit_price": ["itemprice"],
        "item_id": ["itemsku", "sku", "itemproductid", "itemname"],
        "category": [],
        "discount": ["discounttotal", "orderdiscount", "cartdiscount"],
        "channel": [],
        "is_return": ["refundedtotal", "orderrefund", "refundtotal", "refundamount"],
        "currency": ["ordercurrency", "currency"],
        "status": ["status", "orderstatus"],
    },
    frozenset(["ordertotal"]),
    ids=["orderid"],
)
_REFERENCES: Final = """
    订单参考 訂單參考 bestellreferenz bestellref auftragsreferenz auftragsref réfdecommande réfcommande
    référencedecommande référencecommande refpedido refdelpedido referenciadelpedido referenciapedido refdelaorden
    referenciadelaorden rifordine riferimentoordine orderreferentie bestelreferentie refdopedido referênciadopedido
    """
"""What Odoo calls the reference of an order, in the languages that it is exported in."""
_RECEIPTS: Final = """
    收据号码 收据编号 收据号 收據號碼 收據編號 belegnummer quittungsnummer kassenbonnummer numérodereçu numérodeticket
    númeroderecibo numeroricevuta numeroscontrino ontvangstnummer kassabonnummer bonnummer númerodorecibo
    """
_SESSIONS: Final = """
    会话 會話 销售点 pos会话 sitzung kassensitzung kassensystem kasse sesión puntodeventa puntodevendita sessione
    pointdevente sessie kassa sessão pontodevenda session
    """
_ODOO: Final = Export(
    "Odoo point of sale",
    _marks(
        f"orderref posreference receiptnumber orderrefreceiptnumber {_REFERENCES}",
        "session sessionid pointofsale product orderlinesproduct linesproductid productid linesproduct dateorder "
        f"orderlinesquantity linesqty {_SESSIONS}",
    ),
    {
        "customer_id": [
            *("orderrefcustomer", "customer", "partneridid", "partnerid", "customerdatabaseid"),
            *("客户", "客戶", "顾客", "顧客", "kunde", "client", "cliente", "klant"),
        ],
        "timestamp": [
            *("orderrefdate", "orderdate", "date", "dateorder", "orderiddateorder"),
            *("日期", "单据日期", "订单日期", "訂單日期", "datum", "auftragsdatum", "bestelldatum", "datedelacommande"),
            *("fecha", "fechadepedido", "data", "dataordine"),
        ],
        "order_id": [
            *("orderref", *_REFERENCES.split(), "posreference", "receiptnumber", *_RECEIPTS.split()),
            *("name", "orderid"),
        ],
        "amount": [
            *("orderlinessubtotal", "linespricesubtotalincl", "pricesubtotalincl", "linessubtotal", "subtotal"),
            *("total", "amounttotal", "合计", "总计", "總計", "总额", "gesamt", "gesamtbetrag", "totale", "totaal"),
        ],
        "quantity": ["orderlinesquantity", "linesqty", "linesquantity", "quantity", "qty"],
        "unit_price": ["orderlinesunitprice", "linespriceunit", "linesunitprice", "unitprice", "priceunit"],
        "item_id": ["orderlinesproduct", "linesproductid", "linesproduct", "productid", "product"],
        "category": ["productcategory", "orderlinesproductproductcategory"],
        "discount": [],
        "channel": [],
        "is_return": [],
        "currency": ["currency", "currencyid"],
        "status": ["orderrefstatus", "status", "state", "状态", "狀態", "statut", "estado", "stato"],
    },
    frozenset(
        [
            *("total", "amounttotal", "合计", "总计", "總計", "总额", "gesamt", "gesamtbetrag", "totale", "totaal"),
        ]
    ),
    frozenset(["new", "draft", "新建", "新", "草稿", "neu", "nouveau", "nuevo", "nuovo", "nieuw", "novo"]),
    refund_marks=(
        *("REFUND", "退款", "RÜCKERSTATTUNG", "ERSTATTUNG", "REMBOURSEMENT", "REMBOURSÉ", "REEMBOLSO", "DEVOLUCIÓN"),
        *("RIMBORSO", "TERUGBETALING", "DEVOLUÇÃO"),
    ),
)
_AMAZON: Final = Export(
    "Amazon orders",
    _marks("amazonorderid orderitemid", "purchasedate", "itemprice"),
    {
        "customer_id": ["buyeremail", "buyeridentifier", "buyerphonenumber", "buyername"],
        "timestamp": ["purchasedate", "paymentsdate"],
        "order_id": ["amazonorderid", "orderid"],
        "amount": ["itemprice"],
        "quantity": ["quantitypurchased", "quantity", "quantityshipped"],
        "unit_price": [],
        "item_id": ["sku", "asin", "productname"],
        "category": [],
        "discount": ["itempromotiondiscount"],
        "channel": ["saleschannel"],
        "is_return": [],
        "currency": ["currency"],
        "status": ["orderstatus"],
    },
)
"""Its `item-price` is of all the pieces of a line."""
EXPORTS: Final = (SHOPIFY, _WOO_ANALYTICS, _WOO_ADMIN, _WOO_PLUGIN, _ODOO, _AMAZON)


def find_export(compact_names: set[str]) -> Export | None:
    """The form that names of columns are of; None: of none that is known."""
    return next((each for each in EXPORTS if all(mark & compact_names for mark in each.marks)), None)
