"""Names of columns that are made of known words, for whatever no list of names has: `会员手机`, `Sales Amount`.

Looked at only where nothing in the file has a name that is listed (`ml.data.columns`). All are compared compact: in
lower case, without blanks and signs.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

_PEOPLE: Final = "customer|cust|client|member|membership|buyer|shopper|loyalty|loyaltycard|user|account|contact|debtor"
_NUMBERS: Final = "id|ids|no|nr|num|number|code|key|ref|reference|card|cardno|cardnumber|cardid"
_ORDER_NUMBERS: Final = "id|ids|no|nr|num|number|ref|reference"
"""A code may be of a kind, a card of a means of payment, and a till's number is of all its orders."""
_SALES: Final = (
    "sales?|order|ordered|orders|transaction|trans|txn|purchase|purchased|invoice|receipt|posting|checkout|paid|payment"
)
_PEOPLE_ZH: Final = "会员|客户|顾客|用户|买家|消费者|购买人|会員|會員|客戶|顧客|用戶|買家"
_PHONES_ZH: Final = "手机号码|手机号|手机|电话号码|电话|联系电话|联系手机|联系方式|手機號碼|手機|電話"
_DONE_ZH: Final = (
    "下单|交易|订单|创建|成交|消费|购买|购物|销售|付款|支付|收款|结账|结算|开单|开票|业务|营业|记账|单据|完成|收银|小票|打单|制单|出库"
    "|下單|訂單|建立|購買|銷售|結帳|開立|營業|單據"
)
_PATTERNS: Final[Mapping[str, tuple[str, ...]]] = {
    "customer_id": (
        rf"(sellto|billto|soldto|payer)?({_PEOPLE})({_NUMBERS})|soldtoparty|sellto|auftraggeber(nr|nummer)?",
        rf"({_PEOPLE_ZH})(卡)?(编号|编码|代码|号码|号|id|卡号|账号|帐号|账户|uid|openid|編號|編碼|代碼|代號|帳號|コード|番号)",
        r"(微信|小程序|wechat|wx)?(openid|unionid)|uid|guestid|patronid",
        r"(kunden|debitoren|mitglieds?|karten)(nr|nummer|id|konto|kennung|code)|debitor|kundin|klant(id|code)?|clienteid",
        rf"({_PEOPLE})(email|emailaddress|mail|phone|phonenumber|mobile|mobilenumber|telephone)",
        rf"({_PEOPLE_ZH})?(的)?({_PHONES_ZH}|邮箱|電子郵件)",
        rf"(收货人|收件人|联系人|下单人|收貨人|收件者)({_PHONES_ZH})",
        r"contact|account|shopper|debtor|loyalty",
    ),
    "timestamp": (
        rf"({_SALES}|business|booking|creation|created|completion|completed)(date|day|time|datetime|timestamp|at|on)",
        rf"({_SALES})(datetime|dateandtime|dateortime)|created|ordered|orderplaced",
        rf"({_DONE_ZH})+(提交|完成|成功)?(时间|日期|日期时间|時間|日期時間|日)",
        r"(订单)?提交(时间|日期)",
        r"(bestell|kauf|verkaufs?|rechnungs|beleg|buchungs|auftrags|bon|transaktions|zahlungs|fakt(ura?)?|fkt)(datum|zeit|zeitpunkt)",
        r"datumzeit|datumuhrzeit|datumundzeit|zeitpunkt|datetijd|datahora|dataora|fechahora|dateheure|dateethheure",
        r"dated?(e|u|ela)?l?(vente|achat|facture|facturation|paiement|transaction|commande|ticket|encaissement)",
        r"fecha(de)?(la)?(venta|compra|pedido|factura|pago|transaccion|transacción|ticket)",
        r"data(di|da|do|de|della?|dell)?(vendita|acquisto|ordine|fattura|scontrino|venda|compra|pedido|pagamento)",
        r"(売上|販売|購入|注文|取引|会計)?(日時|日付|日|年月日)",
    ),
    "order_id": (
        rf"(?!checkoutn)({_SALES}|basket|bill|check|ticket|document|doc)({_ORDER_NUMBERS})",
        r"(order|invoice|receipt|bill|ticket)code|(order|invoice|receipt|transaction|sales?|purchase)key",
        r"posref(erence)?|transaction|trans|txn|ticket|faktura(nr|nummer)?",
        r"订单|訂單|bestellung|pedido|ordine|bestelling|注文",
        (
            r"(收银|销售|交易|结算|消费|订单|业务|零售|单据|小票|票据|账单|銷售|訂單|單據)?(流水单?|单|單|票|账单|发票|訂單|订单|小票|单据)"
            r"(编号|编码|号码|号|id|編號|號碼|號)"
        ),
        r"(bestell|auftrags|beleg|rechnungs|bon|kassenbon|vorgangs|transaktions)(nr|nummer|id)|beleg|bon|auftrag",
        r"(n|no|num|numéro|numero|nº|número)(de|du|d)?(la)?(commande|ticket|facture|pedido|factura|ordine|scontrino)",
        r"(伝票|レシート|注文|取引|売上|会計)(番号|no|id|コード)",
    ),
    "amount": (
        r"(用户|买家|客户|顾客|消费者|订单|商品)*实付(总)?(金额|额|款)",
        r"(商家|店铺|门店|订单|商品)*实收(总)?(金额|额|款)",
        (
            r"(买家)?(实付|实收|实际支付|实际付款|支付|付款|成交|交易|消费|销售|折后|优惠后|净|实销|實付|實收|成交|銷售)"
            r"(总?(金额|额|款)|总价|總額|金額)"
        ),
        r"(订单|合计|总|应付|应收|结算|含税|价税|开票|發票|合計|訂單|應付|含稅)(总)?(金额|额|款|合计|金額|額|合計)",
        (
            r"(net|paid|payment|amountpaid|order|sales?|transaction|receipt|invoice|basket|line|extended|total|grand|gross)"
            r"(amount|amt|total|value|sales|revenue|sum|turnover|paid)"
        ),
        r"(line|ext|extended)(price|amt)|pricetotal|totalprice|net|gross|amt|sum|净(收入|收益|销售额|销售)|淨(收入|銷售額)",
        r"nettoerlös|n(et(to)?)?umsatz|revenunet|ingresosnetos|ricavonetto|nettoomzet",
        r"(gesamt|end|netto|brutto|zahl|rechnungs|beleg|zeilen|verkaufs|bon|waren)(betrag|summe|umsatz|wert)",
        r"(gesamt|end|zahl|rechnungs|beleg|zeilen|bon)preis|(umsatz|betrag|summe|wert)(netto|brutto|gesamt)|preisgesamt",
        r"(montant|total)(total|ttc|ht|net|payé|de(la)?(vente|commande))|prix(total|payé|de(la)?commande)",
        r"(importe|total|valor)(neto|bruto|pagado|venta)|importo(netto|lordo|totale|pagato|riga)",
        r"(売上|税込|支払|支払い|注文|合計|請求|購入)(金額|額|合計)|合計|小計|金額",
    ),
    "quantity": (
        r"(order|sold|sales?|item|line|purchase|product)(ed)?(qty|quantity|units|pieces)|(qty|quantity|units)(sold|ordered)",
        r"(商品|销售|购买|订购|销货|出库|成交|销|購買|銷售)(数量|数|件数|量|數量)|个数|個数",
        r"(verkaufs|bestell|verkaufte)(menge|stückzahl|anzahl)|stückzahl|(quantité|cantidad|quantità)(vendue|vendida|venduta)",
    ),
    "unit_price": (
        r"(实付|实收|支付|付款|成交|交易|消费|销售|折后|优惠后|净|实销|實付|實收|銷售)(价|價)",
        r"(netto|brutto|verkaufs|waren)preis|preis(netto|brutto)|prix(ttc|ht|net|de(la)?vente)",
    ),
    "item_id": (
        r"(item|product|article|sku|goods|merchandise|plu|variant|stock|ean|upc|gtin)(id|no|nr|number|code|sku)|plu|upc|gtin|asin",
        r"(商品|产品|货品|物料|单品|宝贝|產品|貨品)(sku)?(编码|编号|代码|货号|条码|条形码|id|编码id|編號|編碼|條碼|コード|番号)|sku编码|sku",
        r"(artikel|produkt|waren)(nr|nummer|id|code)|artikel|(code|réf|ref|référence|código|codice)(article|produit|artículo|articolo)",
        r"(item|product|article|goods)(name|title|description)|(商品|产品|宝贝|货品|單品)(名称|标题|名|描述|名稱)|品名|description",
    ),
}
"""Meaning → patterns of whole names, the likeliest first."""
_RETURNED: Final = re.compile(r"(商品|订单|交易)*(已|实际|累计)?(退款|退货|退)(总)?(金额|额|款)")
_FORMED: Final = {meaning: tuple(map(re.compile, patterns)) for meaning, patterns in _PATTERNS.items()}
_NEVER: Final = re.compile(
    r"优惠|折扣|运费|邮费|税额|成本|毛利|积分|余额|红包|原价|标价|佣金|手续费|优惠券|退|发货|收货时间|更新|修改|取消|导出|生日|评价|签收|预计"
    r"|discount|shipping|tax|cost|profit|margin|points|balance|fee|tip|refund|return|update|modif|cancel|export|birth|expected"
    r"|rabatt|versand|steuer|kosten|storno|retour|lieferdatum|livraison|envío|spedizione"
)
"""Words of what is something else, whatever stands beside them."""


def find_formed(meaning: str, names: Sequence[str]) -> str | None:
    """The first of the compact names that is formed as those of a meaning are, by the likeliest pattern; None: none."""
    if meaning == "is_return":
        return next(filter(_RETURNED.fullmatch, names), None)
    for pattern in _FORMED.get(meaning, ()):
        for name in names:
            if pattern.fullmatch(name) and not _NEVER.search(name):
                return name
    return None


def is_formed(name: str) -> bool:
    """Whether a compact name is formed as one of any meaning."""
    return any(find_formed(meaning, (name,)) for meaning in _FORMED)
