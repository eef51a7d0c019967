"""Files of Europe without a mark of their encoding: told by the letters of their language."""

import pytest

from ml.data.encodings import tell_encoding

WORDS = {
    "Polish": "Chleb żytni|Masło śmietankowe|Żurek|Pączki z różą|Słodycze|Koń",
    "Czech": "Žitný chléb|Máslo čerstvé|Kuřecí řízek|Příborník dřevěný|Mléko|Ťuhýk",
    "Hungarian": "Tökmagos kenyér|Főzőtejszín|Gyümölcslé|Tűzőgép|Őszibarack",
    "Slovak": "Ražný chlieb|Čerstvé maslo|Kôprová omáčka|Ľadový čaj|Mäso|Vôňa",
    "Croatian": "Crni kruh|Čaj od šipka|Ćevapi|Žganci|Mlijeko svježe",
    "Romanian": "Pâine neagră|Brânză|Roşii|Cârnaţi|Caşcaval",
    "German": "Brötchen|Müsli|Käse|Soße|Äpfel|Größe 3 m³|20°C|5 € “neu”" + "|Öl|für" * 20 + "|Café",
    "French": "Crème brûlée|Pâté|Œufs|Thé|Gâteau à la noix|n° 5",
    "Spanish": "Jamón|Piña|Café|Azúcar|Turrón|¿Qué?",
    "Portuguese": "Pão de queijo|Açúcar|Feijão|Limões|Café",
    "Swedish": "Smör|Bröd|Blåbär|Köttbullar|Kål",
    "Danish": "Rugbrød|Æble|Smørrebrød|Kål",
    "Turkish": "Ekmek|Yoğurt|Şeker|Çay|Sığır eti|İncir",
    "Russian": "Хлеб|Масло|Сыр|Молоко|Чай «Лисма»",
}
OF_THEM = {
    "cp1250": ("Polish", "Czech", "Hungarian", "Slovak", "Croatian", "Romanian"),
    "iso8859_2": ("Polish", "Czech", "Croatian"),
    "cp1252": ("German", "French", "Spanish", "Portuguese", "Swedish", "Danish"),
    "cp1254": ("Turkish",),
    "cp1251": ("Russian",),
}


@pytest.mark.parametrize(
    ("language", "encoding"), [(each, encoding) for encoding, languages in OF_THEM.items() for each in languages]
)
@pytest.mark.parametrize("copies", [1, 50])
def test_a_language_is_told_by_its_letters(tmp_path, language, encoding, copies):
    lines = [f"K-{place};2026-10-01;{word};12,50" for place, word in enumerate(WORDS[language].split("|") * copies)]
    text = "\n".join(("Client;Date;Product;Amount", *lines)) + "\n"
    path = tmp_path / "file.csv"
    path.write_bytes(text.encode(encoding))
    told = tell_encoding(path, path.read_bytes())
    assert path.read_bytes().decode(told) == text


@pytest.mark.parametrize("encoding", ["cp1250", "iso8859_2"])
def test_a_name_of_a_column_that_several_encodings_have_alike_leaves_it_to_the_letters(tmp_path, encoding):
    text = "Numer klienta;Data zamówienia;Kwota;Status\nK-1;2026-10-01;12,50;Opłacone\nK-1;2026-10-02;3,00;Zwrócone\n"
    path = tmp_path / "file.csv"
    path.write_bytes(text.encode(encoding))
    assert path.read_bytes().decode(tell_encoding(path, path.read_bytes())) == text
