"""Files of items, as retailers have them."""

import json

import pytest
from python_calamine import CalamineWorkbook

from ml.data.columns import UnusableTransactions
from ml.data.items import ItemReading, read_items

ROWS = [
    ["商品编码", "商品名称", "商品分类", "品牌", "零售价", "毛利率", "库存数量", "标签", "商品状态", "下架日期"],
    ["4711", "全脂牛奶 1升", "食品>乳品", "蒙牛", "¥12.80", "22%", "15", "有机，冷藏", "在售", "2026-12-31"],
    ["0042", "Oat drink", "食品>饮料", "", "1,299.00", "", "0", "", "下架", ""],
]
MILK = {
    "item_id": "4711",
    "title": {"zh": "全脂牛奶 1升"},
    "category": ["食品", "乳品"],
    "brand": "蒙牛",
    "price": 12.8,
    "margin": 0.22,
    "valid_to": "2026-12-31T16:00:00.000Z",
    "tags": ["有机", "冷藏"],
    "in_stock": True,
}
OAT = {
    "item_id": "0042",
    "title": {"en": "Oat drink"},
    "category": ["食品", "饮料"],
    "price": 1299.0,
    "hidden": True,
    "in_stock": False,
}


@pytest.fixture
def read(tmp_path):
    """Reads a file of this content; the items, and what was said."""

    def read(content, name="items.csv", encoding="utf-8", **reading):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        said: list[str] = []
        return read_items(path, ItemReading(**reading), said.append), said

    return read


def table(sign, rows=ROWS):
    return "".join(sign.join(f'"{cell}"' if sign in cell else cell for cell in row) + "\r\n" for row in rows)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_chinese_tables_in_any_encoding(read, encoding, sign):
    items, said = read(table(sign), encoding=encoding, timezone="Asia/Shanghai")
    assert items == [MILK, OAT]
    assert any("item_id = '商品编码'" in sentence for sentence in said)


def test_a_workbook_of_several_sheets(read, tmp_path):
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl writes the workbook, and is not here")
    book = openpyxl.Workbook()
    book.active.append(["说明", "本表为商品资料"])
    sheet = book.create_sheet("商品")
    for row in [["商品资料导出", "2026"], *ROWS]:
        sheet.append(row)
    book.save(tmp_path / "items.xlsx")
    assert CalamineWorkbook.from_path(str(tmp_path / "items.xlsx")).sheet_names == ["Sheet", "商品"]
    items, said = read((tmp_path / "items.xlsx").read_bytes(), "items.xlsx", timezone="Asia/Shanghai")
    assert items == [MILK, OAT]
    assert any("'商品'" in sentence for sentence in said)


def test_json_in_the_form_of_the_api_is_taken_as_it_is(read):
    written = [{"item_id": "a", "title": {"zh": "牛奶"}, "in_stock_by_store": {"s": False}}, {"item_id": "b"}]
    assert read(json.dumps(written), "items.json")[0] == written
    assert read(json.dumps({"items": written}), "items.json")[0] == written
    assert read("\n".join(map(json.dumps, written)), "items.ndjson")[0] == written


def test_json_of_a_shop_is_read_by_its_names(read):
    written = [{"SKU": "a", "name": "Milk", "price": 12.8, "品牌": "蒙牛"}, {"SKU": "b", "name": "牛奶", "price": None}]
    assert read(json.dumps(written), "items.json")[0] == [
        {"item_id": "a", "title": {"en": "Milk"}, "brand": "蒙牛", "price": 12.8},
        {"item_id": "b", "title": {"zh": "牛奶"}},
    ]


def test_lines_of_stores_are_one_item(read):
    items, _ = read("sku,name,store,stock\na,Milk,s1,5\na,Milk,s2,0\nb,Tea,s1,缺货\n")
    assert items == [
        {"item_id": "a", "title": {"en": "Milk"}, "in_stock_by_store": {"s1": True, "s2": False}},
        {"item_id": "b", "title": {"en": "Tea"}, "in_stock_by_store": {"s1": False}},
    ]


def test_an_export_of_shopify(read):
    lines = (
        "Handle,Title,Vendor,Product Category,Tags,Published,Variant SKU,Variant Price,Cost per item,Status",
        'milk,Whole milk,Meadow,Food > Dairy,"cold, organic",true,M1,10.00,7.50,active',
        "milk,,,,,,M2,18.00,,",
        "tea,Green tea,,Food > Tea,,true,T1,5.00,,draft",
    )
    items, _ = read("\n".join(lines), columns={"shown": "Status"})
    milk = {
        "title": {"en": "Whole milk"},
        "category": ["Food", "Dairy"],
        "brand": "Meadow",
        "tags": ["cold", "organic"],
    }
    assert items == [
        {"item_id": "M1", **milk, "price": 10.0, "margin": 0.25, "pack_of": "milk"},
        {"item_id": "M2", **milk, "price": 18.0, "pack_of": "milk"},
        {
            "item_id": "T1",
            "title": {"en": "Green tea"},
            "category": ["Food", "Tea"],
            "price": 5.0,
            "hidden": True,
            "pack_of": "tea",
        },
    ]


@pytest.mark.parametrize(
    ("margins", "wanted"),
    [
        (("22%", "5 %"), (0.22, 0.05)),
        (("0.22", "0.05"), (0.22, 0.05)),
        (("22", "5"), (0.22, 0.05)),
        (("22%", "1"), (0.22, 1.0)),
    ],
)
def test_margins_are_shares_or_percent(read, margins, wanted):
    items, _ = read("sku;margin\n" + "".join(f"{n};{margin}\n" for n, margin in enumerate(margins)))
    assert tuple(item["margin"] for item in items) == wanted


def test_decimal_commas(read):
    assert [item["price"] for item in read("sku;preis\na;12,80\nb;1.299,00\n")[0]] == [12.8, 1299.0]


@pytest.mark.parametrize(
    ("column", "value", "wanted"),
    [
        ("valid_to", "2026-12-31", "2027-01-01T00:00:00.000Z"),
        ("valid_to", "20261231", "2027-01-01T00:00:00.000Z"),
        ("valid_to", "2026-12-31 18:00", "2026-12-31T18:00:00.000Z"),
        ("valid_from", "2026年12月31日", "2026-12-31T00:00:00.000Z"),
        ("valid_from", "31/12/2026", "2026-12-31T00:00:00.000Z"),
    ],
)
def test_a_last_day_counts_whole(read, column, value, wanted):
    assert read(f"sku,{column}\na,{value}\n")[0] == [{"item_id": "a", column: wanted}]


@pytest.mark.parametrize(
    ("categories", "wanted"),
    [
        (["Food > Dairy", "Tea/Coffee"], [["Food", "Dairy"], ["Tea/Coffee"]]),
        (["Food/Dairy", "Food/Tea"], [["Food", "Dairy"], ["Food", "Tea"]]),
        (["Dairy", "Tea/Coffee", "Bread", "Fish"], [["Dairy"], ["Tea/Coffee"], ["Bread"], ["Fish"]]),
    ],
)
def test_levels_of_categories(read, categories, wanted):
    items, _ = read("sku,category\n" + "".join(f"{n},{each}\n" for n, each in enumerate(categories)))
    assert [item["category"] for item in items] == wanted


def test_levels_in_columns_of_their_own(read):
    assert read("货号,一级分类,二级分类,三级分类\na,食品,乳品,牛奶\n")[0][0]["category"] == ["食品", "乳品", "牛奶"]


def test_what_cannot_be_read_stays_and_is_refused_later(read):
    items, _ = read("sku,price,stock,status,valid_to\na,call us,maybe,strange,soon\n")
    assert items == [{"item_id": "a", "price": "call us", "in_stock": "maybe", "hidden": "strange", "valid_to": "soon"}]


def test_lines_without_an_id_are_told(read):
    items, said = read("sku,name\na,Milk\n,Total\n")
    assert [item["item_id"] for item in items] == ["a"]
    assert "1 line is left out: without an item_id." in said


def test_a_file_without_ids_says_which_columns_it_has(read):
    with pytest.raises(UnusableTransactions, match="colour, weight"):
        read("colour,weight\nred,1\n")
    assert read("colour,weight\nred,1\n", columns={"item_id": "colour"})[0] == [{"item_id": "red"}]
    for wrong in ({"item_id": "none"}, {"none": "colour"}):
        with pytest.raises(UnusableTransactions):
            read("colour,weight\nred,1\n", columns=wrong)
