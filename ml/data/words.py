"""Words of files for returns, statuses and channels: those that are known, and a shop's own.

All are compared without case, width, blanks about them, hyphens, commas and WooCommerce's `wc-`.
"""

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ml.data.columns import UnusableTransactions


def words(text: str) -> frozenset[str]:
    """What stands between commas and line ends."""
    return frozenset(word.strip() for word in text.replace("\n", ",").split(",") if word.strip())


MARKS: Final = words("""
y, yes, true, t, 1, r, x, ja, oui, si, sí, sì, sim, tak, ano, áno, igen, evet, da, да, はい, 예, kyllä
✓, ✔, √, ☑, 是, 有
""")
"""That say of a line what its column is called."""
_RETURNED: Final = MARKS | words("""
return, returned, returns, refund, refunded, credit, credit note, retoure, storno
credit memo, creditmemo, gutschrift, rückgabe, rücksendung, refund sale, sale return, sales return, customer return
avoir, retour, remboursement, devolución, reembolso, reso, rimborso
devolução, zwrot, iade, возврат, 返品, 返金, 반품, 환불
退货, 退款, 退, 退单, 已退货, 已退款, 销售退货, 零售退货, 销退, 退货单, 退款单, 退货退款, 仅退款
""")
_KEPT: Final = words("""
n, no, false, f, 0, não, nie, ne, nem, nee, nej, nei, ei, hayır, нет, いいえ, 아니오, 아니요
sale, sales, sold, purchase, order, s, verkauf, nein, non, none
invoice, rechnung, kauf, receipt, payment, charge, vente, facture, achat, venta, factura, compra, vendita
否, 销售, 销货, 正常, 购买, 消费, 未退, 未退货, 未退款, 无, 没有
零售, 销售单, 零售单, 普通销售, 正常销售, 商品销售, 收款
""")
_OVER: Final = words("""
cancelled, canceled, cancel, failed, payment failed, chargeback, charged back
fraud, voided, void, refunded, expired, declined, abandoned, trash, rejected, returned
storniert, annulliert, erstattet, fehlgeschlagen
已取消, 取消, 已关闭, 关闭, 交易关闭, 已退款, 退款成功, 退款, 全额退款, 失败, 作废, 已作废, 已退货, 退货
全额退款成功, 已全额退款, 整单退款, 整单退货, 交易取消, 订单关闭, 订单已取消
已撤销, 撤销, 已冲正, 已废弃, 废单, 已删除, 已退单, 退单
交易已关闭, 支付超时, 已失效
删除, deleted, 无效, 已无效, 退款完成, 已退, 全部退款, 全部退货, 退货完成, 退货退款成功, 订单作废, 订单失效, 付款超时
超时未支付, 超时未付款, 系统取消, 商家取消, 买家取消, 卖家取消, 顾客取消, 自动取消, 自动关闭, 关闭交易, 取消订单
取消成功, 拒签, 已拒签, 买家拒收, 冲红, 已冲红, 红冲, 已红冲
已取消 退款成功, 未发货 退款成功, 已发货 退款成功, 已收货 退款成功
trade closed, trade closed by taobao, trade canceled, trade cancelled, closed by buyer, closed by seller
支付失败, 交易失败, 已拒收, 拒收, 订单取消, 用户取消, 超时取消, 超时关闭
已退貨, 退貨, 失敗, 付款失敗, 交易失敗, 訂單取消, 已作廢, 作廢, 已關閉, 關閉, 全額退款
abgebrochen, abgelehnt, rückerstattet, zurückerstattet, retourniert, abgelaufen
erreur de paiement, payment error, paiement refusé
annulée, annulé, annulee, annule, échouée, échoué, remboursée, remboursé, refusée, refusé, expirée
abandonnée, retournée
cancelado, cancelada, anulado, anulada, fallido, fallida, reembolsado, reembolsada, devuelto, devuelta, rechazado
rechazada, caducado, expirado
annullato, annullata, cancellato, cancellata, fallito, fallita, rimborsato, rimborsata, rifiutato, rifiutata, reso
scaduto, estornado, estornada, devolvido, devolvida, recusado, recusada, falhou, falhado, malsucedido
geannuleerd, mislukt, terugbetaald, geweigerd, verlopen, geretourneerd
anulowane, anulowany, anulowana, anulowano, zwrócone, zwrócony, zwrot, nieudane, odrzucone
avbruten, annullerad, makulerad, återbetald, misslyckad, annulleret, refunderet, kansellert, refundert
iptal, i\u0307ptal, iptal edildi, i\u0307ptal edildi, iade, i\u0307ade, iade edildi, i\u0307ade edildi, başarısız
отменён, отменен, отменена, отменено, отмена, возврат, возвращён, возвращен, возвращено, не удался, отклонён, отклонен
キャンセル, キャンセル済み, 取消済み, 返金済み, 返金, 返品, 返品済み
취소, 취소됨, 취소완료, 주문취소, 결제취소, 환불, 환불완료, 환불됨, 반품, 반품완료, 실패
""")
_WAITING: Final = words("""
pending, draft, unpaid, on hold, pending payment, checkout draft, quotation, quotation sent, awaiting payment, offen
payment review, holded, not paid, payment pending
wait buyer pay, trade no create pay, pay pending, wait group
待审核, 待结算, 挂单, 未结账, 未完成, 待处理, 等待买家付款, 待成团, 拼团中
待付款, 待支付, 等待付款, 等待支付, 支付中, 未付款, 未支付, 等待买家付款, 待确认, 待確認
zahlung ausstehend, ausstehend, in wartestellung, unbezahlt, entwurf
en attente du paiement par chèque, en attente de virement bancaire, awaiting check payment, awaiting bank wire payment
en attente, attente paiement, en attente de paiement, brouillon, impayée, impayé
pendiente, pendiente de pago, en espera, borrador, impagado
in attesa, in attesa di pagamento, sospeso, bozza, non pagato
pendente, pagamento pendente, aguardando, aguardando pagamento, em espera, rascunho
wachtend op betaling, in de wacht, in afwachting, onbetaald, concept
oczekujące na płatność, oczekujące, wstrzymane, nieopłacone, inväntar betalning, pausad, obetald
ödeme bekleniyor, beklemede, в ожидании оплаты, ожидает оплаты, на удержании, не оплачен, не оплачено
支払い待ち, 入金待ち, 保留中, 未入金, 결제대기, 결제대기중, 입금대기, 보류중
""")
"""No sale, and may yet be one."""
_SALE: Final = words("""
completed, complete, paid, processing, shipped, delivered, fulfilled, partially refunded, done, partially paid
authorized, invoiced, posted, sale, success, succeeded, successful, ok, confirmed, picked up, ready for pickup
abgeschlossen, bezahlt, in bearbeitung, versandt, geliefert
已完成, 完成, 已付款, 已支付, 已发货, 待发货, 已签收, 待收货, 交易成功, 成功, 部分退款, 已收货, 正常, 已评价, 待评价
卖家已发货, 买家已付款, 交易完成, 买家已签收, 已送达, 已妥投, 配送中
卖家已发货 等待买家确认, 卖家已发货 等待买家确认收货, 买家已付款 等待卖家发货, 等待卖家发货, 支付成功, 已结算, 已出库
无售后, 无售后或售后取消, 售后取消, 售后关闭, 未发起售后, 无退款, 未退款, 退款关闭, 退款失败, 退款取消, 无
已发货 待签收, 已发货 待收货, 待签收, 已签收 待评价, 已拼单 待发货, 待发货 已付款
trade finished, trade success, wait seller send goods, seller consigned part, wait buyer confirm goods
trade buyer signed, wait seller stock out, wait goods receive confirm, finished
已过账, 已开票, 已记账, 退款中, 退款处理中, 售后中, 部分退款成功
部分退货, 部分发货, 配货中, 备货中, 出库中, 待出库, 等待出库, 等待收货
待自提, 待取货, 已自提, 已核销, 已收款, 已确认, 已审核, 待评论, 已归档, 交易已完成, 订单完成, 订单已完成, 已付定金
已出貨, 待出貨, 已送達, 處理中, 交易成功, 已取貨, 已結帳
gebucht, abgerechnet, in rechnung gestellt, comptabilisé, comptabilisée, facturé, facturée, publicado, contabilizado
registrado, facturado, registrato, contabilizzato, fatturato, geboekt, gefactureerd, lançado
teilweise erstattet, teilerstattet, teilweise rückerstattet, fertiggestellt, zugestellt, erledigt, versendet
paiement accepté, paiement à distance accepté, payment accepted, remote payment accepted, en cours de livraison
pagamento accettato, pago aceptado, zahlung eingegangen, processing in progress, preparation in progress
payée, payé, terminée, terminé, en cours, en cours de traitement, expédiée, expédié, livrée, livré, validée, confirmée
complétée, partiellement remboursée, remboursée partiellement, en préparation
pagado, pagada, completado, completada, procesando, en proceso, enviado, enviada, entregado, entregada, confirmado
parcialmente reembolsado, reembolsado parcialmente
pagato, pagata, completato, completata, in lavorazione, spedito, consegnato, evaso, confermato, parzialmente rimborsato
pago, paga, concluído, concluída, processando, entregue, aprovado, aprovada, faturado
betaald, afgerond, voltooid, verwerken, in behandeling, verzonden, geleverd, bezorgd, gedeeltelijk terugbetaald
opłacone, zapłacone, zrealizowane, w trakcie realizacji, wysłane, dostarczone, zakończone
betald, behandlas, färdigbehandlad, levererad, skickad, slutförd, betalt, fuldført, fullført, levert, afsendt, sendt
ödendi, tamamlandı, hazırlanıyor, kargoya verildi, teslim edildi
оплачен, оплачено, оплачена, выполнен, завершён, завершен, доставлен, обработка, отправлен
完了, 処理中, 支払済み, 支払い済み, 入金済み, 発送済み, 出荷済み, 配達済み
결제완료, 완료, 처리중, 배송중, 배송완료, 구매확정, 주문완료
""")

CHANNELS: Final = ("store", "web", "app", "mini_program", "phone", "email", "sms", "push", "wechat")
_CHANNEL_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "store": words("""
    store, shop, stores, pos, point of sale, retail, offline, in store, instore, in shop, brick and mortar, branch
    outlet, till, physical store, filiale, laden, ladengeschäft, kasse, magasin, boutique, tienda, negozio
    门店, 实体店, 实体, 线下, 线下门店, 专柜, 柜台, 直营店, 加盟店, 店铺, 收银台, 收银机, 到店, 店内
    """),
    "web": words("""
    web, website, online, online store, onlineshop, online shop, webshop, web shop, ecommerce, e commerce, e shop, eshop
    internet, desktop, browser, mobile web, marketplace, amazon, ebay, etsy, tmall, taobao, jd, jd.com, pinduoduo
    site web, tienda online
    线上, 网店, 网上, 网站, 官网, 商城, 网上商城, 电商, 天猫, 淘宝, 京东, 拼多多, 唯品会, 苏宁, 抖音, 抖店, 快手
    小红书, 网购, h5
    """),
    "app": words("""
    app, mobile app, mobile, ios, android, iphone, ipad, native app
    手机app, app端, 手机应用, 客户端, 手机客户端, 移动端, 安卓, 苹果
    """),
    "mini_program": words("""
    mini program, miniprogram, mini app, miniapp, wechat mini program, weapp, wxapp
    小程序, 微信小程序, 支付宝小程序, 微信商城, 微商城
    """),
    "phone": words("phone, telephone, call centre, call center, phone order, telefon, 电话, 电话订购, 电话订单, 客服"),
}
_WITHIN: Final = (
    ("小程序", "mini_program"),
    *((part, "web") for part in ("天猫", "淘宝", "京东", "拼多多", "抖音", "旗舰店", "网店", "线上", "官网", "商城")),
    *((part, "store") for part in ("门店", "专柜", "线下", "实体店")),
)
"""What stands within a longer word (`天猫旗舰店`), the most telling first."""


_LABEL: Final = r"^[(（\[【][^)）\]】]*[)）\]】]\s*(\S.*)$"
"""A note before the word: `(删除)取消`."""
_NOTE: Final = r"^([^(（\[【]*[^(（\[【\s])\s*[(（\[【].*[)）\]】]$"
"""One behind it: `已取消(Cancelled)`."""


_BRACKETED: Final = r"[(（\[【]\s*([^)）\]】]*[^)）\]】\s])\s*[)）\]】]"
"""Either, where it says that the order is none: `(删除)等待出库`, `已发货(退款成功)`."""


def plain_word(word: str) -> str:
    """A word as words are compared."""
    return re.sub("^wc ", "", re.sub(_NOTE, r"\1", re.sub(_LABEL, r"\1", _spaced(word))))


def status_word(word: str) -> str:
    """A word of a status or a return as such are compared: what stands in brackets, where that says that it is over."""
    noted = re.search(_BRACKETED, _spaced(word))
    return noted.group(1) if noted and noted.group(1) in _OVER else plain_word(word)


def _spaced(word: str) -> str:
    return " ".join(re.sub("[-_,]", " ", unicodedata.normalize("NFKC", word).strip().casefold()).split())


def word_sql(column: str) -> str:
    """`status_word` in SQL, but for width."""
    bare = f"regexp_replace(regexp_replace(lower(trim({column})), '{_LABEL}', '\\1'), '{_NOTE}', '\\1')"
    plain = f"trim(regexp_replace({_spaced_sql(bare)}, '^wc ', ''))"
    noted = f"regexp_extract({_spaced_sql(f'lower({column})')}, '{_BRACKETED}', 1)"
    over = ", ".join(f"'{word}'" for word in sorted(_OVER))
    return f"CASE WHEN regexp_matches({column}, '[(（\\[【]') AND {noted} IN ({over}) THEN {noted} ELSE {plain} END"


def _spaced_sql(text: str) -> str:
    return f"trim(regexp_replace({text}, '[-_,，\\s]+', ' ', 'g'))"


def option_value(word: str, meaning: str) -> str:
    """`WORD=MEANING` as it is written at a prompt."""
    return f"{word}={meaning}" if re.fullmatch(r"[\w.]+", word) else f"'{word}={meaning}'"


@dataclass(frozen=True, slots=True)
class Words:
    """Known words and a shop's own, which come first. `over`: no sale, and never will be; `waiting`: none yet."""

    returned: frozenset[str] = _RETURNED
    kept: frozenset[str] = _KEPT
    sale: frozenset[str] = _SALE
    over: frozenset[str] = _OVER
    waiting: frozenset[str] = _WAITING
    channels: Mapping[str, str] = field(default_factory=dict)

    def channel(self, word: str) -> str | None:
        """The channel that a word means; None: it is not known."""
        plain = plain_word(word)
        if plain in self.channels:
            return self.channels[plain]
        if (name := plain.replace(" ", "_")) in CHANNELS:
            return name
        known = next((channel for channel, words in _CHANNEL_WORDS.items() if plain in words), None)
        return known or next((channel for part, channel in _WITHIN if part in plain), None)


@dataclass(frozen=True, slots=True)
class OwnWords:
    """A shop's own words: `WORD=MEANING`, of options and of a CSV file of kind, word, meaning."""

    channels: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()
    file: str | None = None

    def beside(self, waiting: frozenset[str] = frozenset()) -> Words:
        """The known words with these; `waiting`: those of an export's form. Raises UnusableTransactions."""
        listed = _read_words(Path(self.file)) if self.file else {}
        channels = {**listed.get("channel", {}), **_pairs(self.channels, "--channel-word", None)}
        statuses = {**listed.get("status", {}), **_pairs(self.statuses, "--status-word", ("sale", "none", "waiting"))}
        returns = {**listed.get("return", {}), **_pairs(self.returns, "--return-word", ("return", "sale"))}
        return Words(
            _with(_RETURNED, returns, "return"),
            _with(_KEPT, returns, "sale"),
            _with(_SALE - waiting, statuses, "sale"),
            _with(_OVER, statuses, "none"),
            _with(_WAITING | waiting, statuses, "waiting"),
            {word: plain_word(channel).replace(" ", "_") for word, channel in channels.items()},
        )


def _with(known: frozenset[str], own: Mapping[str, str], meaning: str) -> frozenset[str]:
    return (known - own.keys()) | {word for word, said in own.items() if said == meaning}


def _pairs(given: Iterable[str], option: str, meanings: tuple[str, ...] | None) -> dict[str, str]:
    """Words of an option and their meanings."""
    found = {}
    for pair in given:
        word, sign, meaning = pair.rpartition("=")
        if not sign or not word.strip() or not meaning.strip() or (meanings and meaning.strip() not in meanings):
            wanted = " or ".join(f"=WORD={each}".removeprefix("=") for each in meanings or ("CHANNEL",))
            raise UnusableTransactions(f"{option} is {wanted}, not {pair!r}")
        found[status_word(word) if meanings else plain_word(word)] = meaning.strip()
    return found


_KINDS: Final[Mapping[str, tuple[str, ...] | None]] = {
    "channel": None,
    "status": ("sale", "none", "waiting"),
    "return": ("return", "sale"),
}


def _read_words(path: Path) -> dict[str, dict[str, str]]:
    """Kind → word → meaning, of a CSV file whose lines are kind, word, meaning."""
    found: dict[str, dict[str, str]] = {kind: {} for kind in _KINDS}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        raise UnusableTransactions(f"{path.name} (--words) is no file of UTF-8 that can be read") from error
    for number, row in enumerate(csv.reader(lines), 1):
        kind, word, meaning = (*(cell.strip() for cell in row), "", "", "")[:3]
        if not any(row) or (number == 1 and kind.lower() == "kind"):
            continue
        allowed = _KINDS.get(kind.lower())
        if kind.lower() not in _KINDS or not word or not meaning or (allowed and meaning not in allowed):
            raise UnusableTransactions(
                f"{path.name} (--words), line {number}: it is kind,word,meaning: channel,WORD,CHANNEL; "
                "status,WORD,sale|none|waiting; or return,WORD,return|sale"
            )
        found[kind.lower()][status_word(word) if allowed else plain_word(word)] = meaning
    return found
