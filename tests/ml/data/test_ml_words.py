"""A shop's own words for channels, statuses and returns; rates of other currencies."""

import duckdb
import pytest

from app.foundation.settings import Settings
from ml.data.leavings import count_lost
from ml.data.order_events import read_orders
from ml.data.rates import Rates
from ml.data.transactions import Reading, UnusableTransactions, load_orders
from ml.data.words import OwnWords, Words

HEADER = "customer,date,order_id,total,"


def read(tmp_path, column, *values, header=HEADER, **reading):
    """([(type, amount, channel)] of an order a value, in order; what was said; lines lost)."""
    path = tmp_path / "a.csv"
    lines = [f"C,2026-10-{n:02},{n},10,{value}" for n, value in enumerate(values, 1)]
    path.write_text("\n".join((header + column, *lines)) + "\n", encoding="utf-8")
    said: list[str] = []
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t", say=said.append, reading=Reading(**reading))
        events = sorted(read_orders(connection, 0, Settings()), key=lambda event: event["time"])
        lost = count_lost(connection)
    rows = [(event["type"].removeprefix("order."), event["data"]["total"], event["data"]) for event in events]
    return rows, " ".join(said), lost


def channels(tmp_path, *words, column="channel", **reading):
    return [data.get("channel") for *_, data in read(tmp_path, column, *words, **reading)[0]]


def test_words_of_channels_are_mapped_in_any_case(tmp_path):
    words = ["门店", "小程序", "POS", "Online Store", "天猫旗舰店", "手机APP", "Store", "In-Store", "电话"]
    assert channels(tmp_path, *words) == [
        *("store", "mini_program", "store", "web", "web", "app", "store", "store", "phone"),
    ]


def test_a_word_that_is_not_known_is_kept_told_and_settled_by_the_option(tmp_path):
    rows, said, _ = read(tmp_path, "channel", "kiosk", "web")
    assert [data["channel"] for *_, data in rows] == ["kiosk", "web"]
    assert "'kiosk' (1 line); --channel-word kiosk=store" in said
    own = OwnWords(channels=("Kiosk=store", "web=app"))
    assert channels(tmp_path, "kiosk", "WEB", words=own) == ["store", "app"]


def test_a_column_of_stores_is_of_the_channel_store_and_the_store_is_kept(tmp_path):
    rows, said, _ = read(tmp_path, "门店", "南京路店", "天猫")
    assert [(data["channel"], data["store"]) for *_, data in rows] == [("store", "南京路店"), ("web", "天猫")]
    assert "names stores" in said


@pytest.mark.parametrize(
    ("column", "values", "option", "own", "types"),
    [
        ("status", ["paid", "limbo"], "--status-word limbo=sale", OwnWords(statuses=("Limbo=none",)), ["completed"]),
        ("status", ["paid", "limbo"], "--status-word", OwnWords(statuses=("limbo=sale",)), ["completed"] * 2),
        (
            "is_return",
            ["no", "perhaps"],
            "--return-word",
            OwnWords(returns=("perhaps=return",)),
            ["completed", "refunded"],
        ),
        ("is_return", ["no", "per haps"], "'per haps=return'", OwnWords(returns=("per haps=sale",)), ["completed"] * 2),
    ],
)
def test_a_status_or_a_mark_that_is_not_known_is_refused_until_it_is_said(tmp_path, column, values, option, own, types):
    with pytest.raises(UnusableTransactions, match=option):
        read(tmp_path, column, *values)
    assert [kind for kind, *_ in read(tmp_path, column, *values, words=own)[0]] == types


def test_a_file_of_words(tmp_path):
    words = tmp_path / "words.csv"
    words.write_text("kind,word,meaning\nchannel,kiosk,store\nstatus,limbo,waiting\n\n", encoding="utf-8-sig")
    own = OwnWords(file=str(words))
    assert channels(tmp_path, "kiosk", words=own) == ["store"]
    assert read(tmp_path, "status", "limbo", "paid", words=own)[0][0][2]["order_number"] == "2"
    words.write_text("channel,kiosk,store\nstatus,limbo,perhaps\n", encoding="utf-8")
    with pytest.raises(UnusableTransactions, match="line 2"):
        own.beside()


@pytest.mark.parametrize("own", [OwnWords(statuses=("limbo=perhaps",)), OwnWords(channels=("=store",))])
def test_options_that_say_nothing_are_refused(own):
    with pytest.raises(UnusableTransactions, match="-word is WORD="):
        own.beside()


def test_no_word_has_two_meanings():
    words = Words()
    assert not words.sale & (words.over | words.waiting)
    assert not words.over & words.waiting
    assert not words.returned & words.kept


def test_other_currencies_are_converted_at_the_rate_given_and_told(tmp_path):
    rows, said, lost = read(tmp_path, "currency", "EUR", "CNY", "jpy", "", rates=Rates(("EUR=7.85",)))
    assert [total for _, total, _ in rows] == [78.5, 10, 10]
    assert "1 line is converted to CNY" in said
    assert lost == 1, "no rate of the yen"


@pytest.mark.parametrize(("written", "is_told"), [("€5", True), ("USD 5", True), ("5 元", False), ("5", False)])
def test_the_sign_of_another_currency_is_told(tmp_path, written, is_told):
    path = tmp_path / "a.csv"
    path.write_text(f"customer,date,amount\nC,2026-10-01,{written}\n", encoding="utf-8")
    said: list[str] = []
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t", say=said.append)
    assert any("is counted as CNY" in sentence and written in sentence for sentence in said) == is_told


@pytest.mark.parametrize(
    ("amounts", "rates", "kept", "lost"),
    [
        (["¥5", "$6", "€7"], (), [5], 2),
        (["5", "5 元", "USD 6"], ("USD=7",), [5, 5, 42], 0),
        (["5", "$6", "$7"], (), [5, 6, 7], 0),
    ],
)
def test_amounts_that_name_several_currencies_count_in_ours_or_at_a_rate(tmp_path, amounts, rates, kept, lost):
    """One sign alone may be that of all amounts."""
    path = tmp_path / "a.csv"
    lines = [f"C,2026-10-0{day},{day},{amount}" for day, amount in enumerate(amounts, 1)]
    path.write_text("\n".join(("customer,date,order_id,amount", *lines)) + "\n", encoding="utf-8")
    said: list[str] = []
    with duckdb.connect() as connection:
        load_orders(connection, path, source="/t", say=said.append, reading=Reading(rates=Rates(rates)))
        rows = connection.execute("SELECT amount_minor / 100 FROM events ORDER BY occurred_us").fetchall()
        assert ([amount for (amount,) in rows], count_lost(connection)) == (kept, lost)
    assert any("names another currency" in sentence and "column 'amount'" in sentence for sentence in said) == bool(
        lost
    )


@pytest.mark.parametrize(
    ("word", "is_sale"),
    [
        ("卖家已发货,等待买家确认", True),
        ("卖家已发货，等待买家确认", True),
        ("退款中", True),
        ("全额退款成功", False),
        ("Gebucht", True),
        ("已取消(Cancelled)", False),
        ("TRADE_CLOSED", False),
        ("WAIT_BUYER_PAY", False),
        ("TRADE_FINISHED", True),
    ],
)
def test_words_of_chinese_platforms_and_with_commas(tmp_path, word, is_sale):
    rows, _, lost = read(tmp_path, "status", "completed", f'"{word}"')
    assert (len(rows), lost) == (2 if is_sale else 1, 0)


def test_words_for_currencies_are_their_codes(tmp_path):
    rows, _, lost = read(tmp_path, "currency", "美元", "人民币", "US$", "欧元", rates=Rates(("USD=7",)))
    assert [total for _, total, _ in rows] == [70, 10, 70]
    assert lost == 1, "no rate of the euro"


def test_rates_of_days_hold_until_the_next(tmp_path):
    rates = tmp_path / "rates.csv"
    rates.write_text("date,currency,rate\n2026-10-02,EUR,8\n2026-10-04,EUR,9\n")
    rows, _, lost = read(tmp_path, "currency", *["EUR"] * 5, rates=Rates(file=str(rates)))
    assert [total for _, total, _ in rows] == [80, 80, 90, 90]
    assert lost == 1, "before the first"


@pytest.mark.parametrize("rate", ["EUR", "EUR=", "EUR=0", "EURO=7", "EUR=nan", "EUR=-1"])
def test_a_rate_that_is_none_is_refused(tmp_path, rate):
    with pytest.raises(UnusableTransactions, match="--rate is CODE=RATE"):
        read(tmp_path, "currency", "EUR", rates=Rates((rate,)))


def test_a_line_of_a_file_of_rates_that_is_none_is_named(tmp_path):
    rates = tmp_path / "rates.csv"
    rates.write_text("2026-10-02,EUR,8\nsoon,EUR,9\n")
    with pytest.raises(UnusableTransactions, match=r"rates\.csv \(--rates\), line 2"):
        read(tmp_path, "currency", "EUR", rates=Rates(file=str(rates)))


@pytest.mark.parametrize(
    ("column", "sale", "none", "waiting"),
    [
        ("Bestellstatus", "Teilweise erstattet", "Rückerstattet", "Zahlung ausstehend"),
        ("Statut", "Payée", "Annulée", "En attente"),
        ("Estado", "Completado", "Reembolsado", "Pendiente de pago"),
        ("Stato", "In lavorazione", "Annullato", "In attesa di pagamento"),
        ("Situação", "Pago", "Estornado", "Aguardando pagamento"),
        ("Status", "Betaald", "Geannuleerd", "In de wacht"),
        ("Status", "Zrealizowane", "Anulowane", "Oczekujące na płatność"),
        ("Status", "Betald", "Återbetald", "Inväntar betalning"),
        ("Durum", "Ödendi", "İptal", "Beklemede"),
        ("Durum", "Tamamlandı", "iptal edildi", "Ödeme bekleniyor"),
        ("Статус заказа", "Оплачен", "Отменён", "В ожидании оплаты"),
        ("ステータス", "完了", "返金済み", "支払い待ち"),
        ("주문상태", "결제완료", "주문취소", "입금대기"),
        ("訂單狀態", "已出貨", "已退貨", "待付款"),
    ],
)
def test_statuses_in_other_languages(tmp_path, column, sale, none, waiting):
    rows, said, lost = read(tmp_path, column, sale, none, waiting)
    assert [type_ for type_, *_ in rows] == ["completed"]
    assert (f"status = '{column}'" in said, lost) == (True, 0)


@pytest.mark.parametrize(
    "header",
    [
        "N° client,Date de commande,N° commande,Montant TTC,Statut",
        "ID Cliente,Fecha de pedido,Pedido,Importe total,Estado",
        "Codice cliente,Data ordine,Numero ordine,Totale,Stato",
        "Código do cliente,Data do pedido,Número do pedido,Valor total,Situação",
        "Klantnummer,Besteldatum,Bestelnummer,Totaalbedrag,Status",
        "Numer klienta,Data zamówienia,Numer zamówienia,Kwota brutto,Status",
        "Kundnummer,Orderdatum,Ordernr,Belopp,Status",
        "Müşteri No,Sipariş Tarihi,Sipariş No,Tutar,Durum",
        "Клиент,Дата заказа,Номер заказа,Сумма,Статус",
        "お客様番号,注文日時,注文番号,合計金額,ステータス",
        "회원번호,주문일시,주문번호,결제금액,상태",
        "會員編號,訂單日期,訂單編號,金額,狀態",
    ],
)
def test_columns_in_other_languages(tmp_path, header):
    rows, said, _ = read(tmp_path, "", "paid", header=header)
    assert [(type_, amount) for type_, amount, _ in rows] == [("completed", 10)]
    assert "Not used" not in said
