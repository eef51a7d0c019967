"""What the columns of a retailer's file are taken for, by their names: English, Chinese, and those of shop systems."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Final

from app.foundation.errors import Refusal
from ml.data.column_words import find_formed, is_formed
from ml.data.exports import Export, find_export
from ml.data.units import without_unit

_KINDS: Final = """
    transaction_type order_type sale_type sales_type document_type doc_type record_type movement_type receipt_type
    line_type row_type event_type type kind belegart vorgangsart buchungsart type_de_transaction tipo
    交易类型 业务类型 单据类型 销售类型 订单类型 小票类型 记录类型 类型
    """
"""What a line is of: looked at where a word of it says that something came back."""
_GUESSES: Final = {
    "customer_id": """customer_id customerid customer user_id member_id cid customer_no customer_number
        customer_code client_id client member member_no member_number card_no card_number loyalty_card account_id
        email customer_email billing_email email_address partner_id phone mobile kundennummer kunde
        buyer_email buyer_id buyer
        kundennr kunden_nr id_customer n_client id_client numéro_client code_client cliente id_cliente klantnummer
        会员号 会员卡号 会员编号 会员id 会员 卡号 客户编号 客户号 客户id 客户代码 客户 顾客编号 顾客号 顾客id 顾客
        用户id
        用户编号 用户 下单账号 下单帐号
        會員編號 會員號 會員卡號 會員 客戶編號 客戶代號 客戶 顧客編號 手機號碼 手機 電話 電子郵件
        codice_cliente cod_cliente código_cliente código_do_cliente código_de_cliente numero_cliente número_de_cliente
        numer_klienta klient id_klienta kundnummer kundnr kund kundenummer müşteri_no müşteri müşteri_kodu
        клиент код_клиента номер_клиента id_клиента покупатель お客様番号 顧客番号 顧客id 会員番号 お客様id
        고객번호 회원번호 고객id 회원id رقم_العميل
        买家id 买家账号 买家会员名 买家昵称 手机号 手机号码 会员手机号 客户手机号 手机 电话 联系电话
        邮箱""",
    "timestamp": """timestamp invoicedate invoice_date order_date ordered_at datetime time date created_at
        date_order order_datetime purchase_date transaction_date transaction_time sale_date completed_at paid_at
        bestelldatum datum kaufdatum rechnungsdatum belegdatum date_commande date_de_commande date_achat fecha
        fecha_pedido data_ordine orderdatum date_add purchase_time purchased_at payments_date
        data_do_pedido data_pedido data_da_compra data_compra data_vendita data_acquisto fecha_de_pedido fecha_de_compra
        fecha_compra besteldatum aankoopdatum data_zamówienia data_zakupu sipariş_tarihi tarih
        дата_заказа дата_и_время дата 注文日時 注文日 購入日時 購入日 주문일시 주문일 주문일자 결제일시 구매일 التاريخ
        訂單日期 訂單時間 下單時間 交易時間 購買日期 付款時間 建立時間 日期时间 日期時間
        下单时间 交易时间 订单时间 订单创建时间 创建时间 成交时间 消费时间 购买时间 销售时间 付款时间 支付时间
        订单付款时间
        下单日期 交易日期 订单日期 消费日期 购买日期 销售日期 付款日期 日期 时间""",
    "order_id": """order_id orderid invoice invoiceno invoice_no basket_id receipt_id order_no order_number
        order_ref order amazon_order_id bestelnummer n_pedido número_do_pedido número_de_pedido numero_ordine
        numer_zamówienia zamówienie ordernr sipariş_no sipariş_numarası номер_заказа заказ 注文番号 注文id 주문번호
        رقم_الطلب 訂單編號 訂單號碼 訂單號 單號 發票號碼 交易編號
        receipt_no receipt_number receipt ticket_no transaction_id transaction_no bill_no invoice_number pos_reference
        bestellnummer bestellnr auftragsnummer belegnr id_order
        rechnungsnummer belegnummer bonnummer numéro_commande commande
        n_commande pedido número_pedido ordine ordernummer
        订单号 订单编号 主订单编号 订单id 小票号 小票编号 小票 单号 单据号 单据编号 交易号 交易单号 流水号
        交易流水号 销售单号
        发票号""",
    "amount": """amount total order_total spend sales value line_total net_amount amount_paid paid_amount grand_total
        total_amount amount_total subtotal revenue turnover price_total betrag gesamtbetrag
        gesamtsumme summe umsatz bruttobetrag zeilenbetrag montant
        valor valor_total valor_do_pedido valor_pago importe_total totale totale_ordine bedrag_totaal totaalbedrag
        kwota kwota_brutto wartość belopp totalt tutar toplam toplam_tutar сумма сумма_заказа итого
        合計金額 注文金額 支払金額
        결제금액 주문금액 총액 المبلغ 實付金額 付款金額 訂單金額 總金額 總計 金額
        montant_total montant_ttc total_ttc total_paid net_sales importe importo bedrag
        实付金额 订单实付金额 订单应付金额 用户实付金额 商家实收金额 实付总额
        实付款 实付 实收金额 实收 买家实付金额 买家实际支付金额 支付金额 付款金额 成交金额 交易金额
        消费金额 销售金额 销售额
        金额 小计 应付金额 订单金额 订单总额 总金额 总价 合计""",
    "quantity": """quantity qty units pieces items_sold menge anzahl stück quantité cantidad quantità aantal
        quantity_purchased quantidade ilość antal adet количество 個数 수량 الكمية 數量
        数量 商品数量 订购数量 购买数量 销售数量 件数 购买件数 销量""",
    "unit_price": """unit_price unitprice price price_unit item_price item_cost einzelpreis
        preis
        stückpreis prix prix_unitaire precio precio_unitario prezzo
        prezzo_unitario preço preço_unitário prijs cena pris birim_fiyat цена 単価 단가 السعر 單價
        单价 商品单价 销售单价 成交单价 价格 商品价格 售价""",
    "item_id": """item_id product_id sku stockcode stock_code article product_code item_code barcode ean item_sku
        product
        item article_no artikelnummer 商品编码 商品编号 商品id 商品代码 商品条码 条码 条形码 货号 商品货号 产品编码
        产品编号 商家编码
        商品名称 商品名 商品 品名""",
    "category": """category department product_category item_category warengruppe
        品类 类别 商品类别 商品分类 分类 商品类目 类目 部门""",
    "discount": """discount discount_amount coupon_amount rabatt 折扣 折扣金额 优惠金额 优惠 折让 折让金额""",
    "channel": """channel sales_channel source_channel store shop store_name
        渠道 销售渠道 订单渠道 订单来源 下单渠道 渠道来源 门店 门店名称 店铺 店铺名称""",
    "currency": """currency currency_code order_currency
        valuta divisa moneda waluta para_birimi валюта 通貨 통화 幣別 幣種
        währung devise 币种 货币 交易币种""",
    "status": """status order_status financial_status payment_status state order_state
        bestellstatus auftragsstatus zahlungsstatus
        statut statut_de_la_commande statut_commande état estado estado_del_pedido estado_pedido stato stato_ordine
        situação situação_do_pedido status_do_pedido orderstatus durum sipariş_durumu статус статус_заказа ステータス
        注文ステータス 状況 상태 주문상태 الحالة 狀態 訂單狀態 付款狀態 订单状态 交易状态
        支付状态 状态""",
    "is_return": """is_return refunded_amount refund_amount amount_refunded refunded_total order_refund_amount 退款金额
        return refund is_refund returned refunded refund_flag return_flag is_returned
        is_refunded refund_total total_refunded total_refund refunds refund_value return_amount returned_amount
        erstattet erstattung erstattungsbetrag rückerstattung retoure retourenbetrag montant_remboursé remboursement
        remboursé importe_reembolsado reembolso rimborso devolución devuelto importe_devuelto remboursée
        retour retourné reso restituito devolução devolvido zwrot zwrócone vráceno
        vrácení iade возврат возвращено 返品 返金 반품 환불 retur
        returneret återbetalt geretourneerd
        退款总额 退款总金额 实退金额 已退金额 已退款金额 退款额 退货金额 是否退货 是否退款 退货标志 退货标记 退款标志
        退货 退款
        """
    + _KINDS,
    "payment": "payment_status financial_status payment_state 支付状态 付款状态 zahlungsstatus 售后状态 退款状态",
    "day": """date trans_date txn_date tran_date bill_date sales_date receipt_date business_date
        order_date invoice_date transaction_date sale_date purchase_date datum bestelldatum belegdatum
        日期 下单日期 交易日期 订单日期 消费日期 购买日期 销售日期 付款日期 小票日期
        开单日期 结账日期 收银日期 单据日期""",
    "clock": """time trans_time txn_time tran_time bill_time sales_time receipt_time
        order_time invoice_time transaction_time sale_time time_of_day uhrzeit zeit heure hora
        时间 下单时间 交易时间 订单时间 消费时间 购买时间 销售时间 付款时间 小票时间 时刻
        开单时间 结账时间 收银时间 单据时间""",
    "cancelled_at": """cancelled_at canceled_at cancelled_on cancellation_date 取消时间 作废时间
        is_cancelled is_canceled cancelled canceled is_void is_voided void voided void_flag is_deleted deleted storniert
        storno stornokennzeichen storno_kz ist_storno is_storno
        是否取消 是否作废 是否已取消 取消标志 取消标记 作废标志 作废标记 作废 已取消 已作废
        """,
}
"""Meaning → names, the likeliest first. Case, blanks, signs and what stands in brackets make no difference."""

_GUESSES_COMPACT: Final[dict[str, tuple[str, ...]]] = {}


class UnusableTransactions(Refusal):
    """The file lacks something; the sentence says what, and which columns it has."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The file's names for what a line of a transactions file carries; None: it has no such column."""

    customer_id: str
    timestamp: str
    order_id: str | None = None
    amount: str | None = None
    quantity: str | None = None
    unit_price: str | None = None
    item_id: str | None = None
    category: str | None = None
    discount: str | None = None
    channel: str | None = None
    is_return: str | None = None
    currency: str | None = None
    status: str | None = None
    payment: str | None = None
    """Status of the payment, where another column has the order's."""
    cancelled_at: str | None = None
    day: str | None = None
    clock: str | None = None
    export: Export | None = None
    """The form of export that the file is of; None: none that is known."""
    has_kinds: bool = False
    """Whether `is_return` was guessed of a column of kinds of lines, which may say nothing of returns."""

    @property
    def tells_reversals(self) -> bool:
        """Whether a mark of what never was stands beside the negative amounts that take it back, too."""
        return self.cancelled_at is not None and "storno" in compact(self.cancelled_at)

    @property
    def has_totals(self) -> bool:
        """Whether the amounts are known to be their orders', by the form of the export."""
        return self.export is not None and self.amount is not None and compact(self.amount) in self.export.totals

    def found(self) -> dict[str, str]:
        """Meaning → name, of those that the file has."""
        named = {meaning: getattr(self, meaning) for meaning in _GUESSES}
        return {meaning: name for meaning, name in named.items() if name is not None}


def compact(name: str) -> str:
    """A column's name without case, width, blanks, signs, a unit at its end and what stands in brackets behind it."""
    plain = without_unit(unicodedata.normalize("NFKC", name).strip().casefold())
    return re.sub(r"[\W_]+", "", re.sub(r"(?<=\w)\s*\(.*?\)|\[.*?\]", "", plain))


CountKnown = Callable[[list[str]], int]
"""How many of the names of columns are known for something."""


def known_names(names: list[str]) -> int:
    """How many of the names are known for something in a file of orders."""
    known = {guess for guesses in _GUESSES_COMPACT.values() for guess in guesses}
    return sum(plain in known or is_formed(plain) for plain in map(compact, names))


def guess_columns(names: list[str], *, by_number: bool = False, **chosen: str | None) -> Columns:
    """What each column means, from its name; `chosen` overrides the guesses. `by_number`: as webhooks know orders.

    Raises UnusableTransactions where customer, time or amount cannot be found.
    """
    plain: dict[str, str] = {}
    for name in sorted(names, key=_is_bracketed):
        if "%" not in name:  # `Discount (%)` is no money
            plain.setdefault(compact(name), name)
    export = find_export(set(plain))
    guesses: dict[str, Sequence[str]] = {**_GUESSES_COMPACT, **(export.columns if export else {})}
    if export and by_number:
        guesses["order_id"] = (*export.ids, *guesses["order_id"])
    found = {meaning: _guess(guesses[meaning], names, plain, chosen.get(meaning)) for meaning in _GUESSES}
    if export is None:
        _guess_by_words(found, plain)
    if missing := _missing(found):
        raise UnusableTransactions(
            f"no column for {'; '.join(missing)}; the file has {', '.join(names)}{_hint(names, missing)}"
        )
    if export or chosen.get("timestamp") or not (found["day"] and found["clock"]):
        found |= {"day": None, "clock": None}
    if export or found["payment"] == found["status"]:
        found["payment"] = None
    kind = None if chosen.get("is_return") else found["is_return"]
    has_kinds = kind is not None and compact(kind) in _KINDS_COMPACT
    return Columns(**found, export=export, has_kinds=has_kinds)  # type: ignore[arg-type]


def _is_bracketed(name: str) -> bool:
    """`N. Revenue` comes before `N. Revenue (formatted)`."""
    return "(" in name or "[" in name


def _guess(guesses: Sequence[str], names: list[str], plain: dict[str, str], wanted: str | None) -> str | None:
    if wanted is not None and wanted not in names:
        raise UnusableTransactions(f"there is no column {wanted!r}; the file has {', '.join(names)}")
    return wanted or next((plain[guess] for guess in guesses if guess in plain), None)


def _guess_by_words(found: dict[str, str | None], plain: dict[str, str]) -> None:
    """Fills in what no listed name was found for, of the columns that are left.

    A price that is so found is what a line came to, where no column says how many pieces it is of.
    """
    listed_price = found["unit_price"]
    is_priced = found["amount"] is None and found["quantity"] is not None and listed_price is not None
    for meaning, name in found.items():
        is_needless = is_priced if meaning == "amount" else meaning == "unit_price" and found["amount"] is not None
        taken = {known for each, known in found.items() if each not in ("day", "clock")}
        left = [each for each, written in plain.items() if written not in taken]
        if name is None and not is_needless and (formed := find_formed(meaning, left)):
            found[meaning] = plain[formed]
    if listed_price is None and not (found["amount"] or found["quantity"]):
        found["amount"], found["unit_price"] = found["unit_price"], None


def _hint(names: list[str], missing: list[str]) -> str:
    """What to do about columns that are missing."""
    if any(re.search(r"\d{4}[-/.]\d|^[\d.,-]+$", name) for name in names):
        return ". Its first line is data: put the names of the columns above it"
    options = ", ".join(f"--{each.replace('_', '-')}" for each in missing if " " not in each) or "--amount"
    return f". Name it with {options}"


def _missing(found: dict[str, str | None]) -> list[str]:
    priced = found["amount"] or (found["quantity"] and found["unit_price"])
    missing = [] if priced else ["amount, or quantity and unit_price"]
    return missing + [meaning for meaning in ("customer_id", "timestamp") if not found[meaning]]


_KINDS_COMPACT: Final = frozenset(compact(guess) for guess in _KINDS.split())
_GUESSES_COMPACT.update(
    {meaning: tuple(compact(guess) for guess in guesses.split()) for meaning, guesses in _GUESSES.items()}
)

assert {field.name for field in fields(Columns)} == {*_GUESSES, "export", "has_kinds"}
