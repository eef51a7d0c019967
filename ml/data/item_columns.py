"""What the columns of a file of items are taken for, by their names: English, Chinese, and those of shop systems."""

from collections.abc import Mapping, Sequence
from typing import Final

from ml.data.columns import UnusableTransactions, compact

_GUESSES: Final = {
    "item_id": """item_id variant_sku sku product_id item_code product_code article_no article_number stock_code
        stockcode barcode ean item_no item_number internal_reference id item product article artikelnummer
        商品编码 商品编号 商品id 商品代码 sku编码 规格编码 商家编码 货号 商品货号 商品条码 条码 条形码 产品编码 产品编号
        编码 编号""",
    "title_en": "title_en name_en english_name english_title product_name_en 英文名称 英文名 商品英文名 英文标题",
    "title_zh": "title_zh name_zh chinese_name title_cn name_cn chinese_title 中文名称 中文名 商品中文名 中文标题",
    "title": """title name product_name item_name product_title description bezeichnung artikelbezeichnung
        商品名称 商品名 商品标题 名称 品名 产品名称 标题""",
    "category": """category category_path product_category google_product_category categories product_type type
        item_category department category_1 level_1 category_level_1 pos_category warengruppe
        品类 类别 商品类别 商品分类 分类 商品类目 类目 一级分类 一级类目 大类 部门""",
    "category_2": "category_2 subcategory sub_category level_2 category_level_2 二级分类 二级类目 中类 子类",
    "category_3": "category_3 level_3 category_level_3 三级分类 三级类目 小类",
    "brand": "brand vendor manufacturer marke hersteller 品牌 品牌名称 商品品牌 厂商 生产厂家",
    "price": """price variant_price regular_price list_price sales_price sale_price unit_price retail_price preis
        verkaufspreis 价格 售价 单价 零售价 销售价 商品价格 商品售价 销售价格 一口价""",
    "margin": "margin gross_margin margin_rate profit_margin marge 毛利率 利润率",
    "cost": "cost cost_per_item cost_price purchase_price standard_price einkaufspreis 成本 成本价 进价 进货价 采购价",
    "in_stock": """in_stock instock availability is_in_stock stock quantity qty stock_quantity inventory on_hand
        variant_inventory_qty quantity_on_hand bestand lagerbestand
        是否有货 有货 库存 库存数量 库存量 现有库存 可用库存 数量""",
    "store": "store store_id store_code store_name shop branch location filiale 门店 门店编码 门店编号 门店名称 店铺",
    "valid_from": """valid_from start_date available_from sale_start launch_date gültig_ab
        上架时间 上架日期 开始时间 开始日期 生效日期""",
    "valid_to": """valid_to valid_until end_date available_until expiry expires_at sale_end gültig_bis
        下架时间 下架日期 结束时间 结束日期 失效日期 有效期至""",
    "tags": "tags tag labels schlagworte 标签 商品标签",
    "hidden": "hidden is_hidden 隐藏 是否隐藏 不展示",
    "shown": "published visible active status is_active enabled 上架 是否上架 上架状态 商品状态 状态 是否展示",
    "substitute_of": "substitute_of substitute_for replaces replacement_for 替代商品 替代品 替代编码",
    "pack_of": """pack_of product_group item_group_id parent_sku parent_id parent handle spu spu_id spu_code
        master_product spu编码 spu编号 父商品编码 主商品编码 款号""",
}
"""Meaning → names, the likeliest first. Case, blanks, signs and what stands in brackets make no difference."""
MEANINGS: Final = tuple(_GUESSES)
_COMPACT: Final = {meaning: tuple(map(compact, names.split())) for meaning, names in _GUESSES.items()}
_KNOWN: Final = frozenset(name for names in _COMPACT.values() for name in names)


def count_known_items(names: list[str]) -> int:
    """How many of the names are known for something in a file of items."""
    return sum(compact(name) in _KNOWN for name in names)


def guess_item_columns(names: Sequence[str], chosen: Mapping[str, str]) -> dict[str, str]:
    """Meaning → name of the column, of those that the file has; `chosen` overrides the guesses.

    Raises UnusableTransactions where no column is the item's id, or one that was chosen is not there.
    """
    for meaning, name in chosen.items():
        if meaning not in _GUESSES:
            raise UnusableTransactions(f"--column {meaning}=…: the meanings are {', '.join(MEANINGS)}")
        if name not in names:
            raise UnusableTransactions(f"there is no column {name!r}; the file has {', '.join(names)}")
    plain: dict[str, str] = {}
    for name in names:
        plain.setdefault(compact(name), name)
    found: dict[str, str] = {}
    for meaning, guesses in _COMPACT.items():
        left = set(names) - set(found.values()) - set(chosen.values())
        guess = next((plain[each] for each in guesses if each in plain and plain[each] in left), None)
        taken = chosen.get(meaning, guess)
        if taken is not None:
            found[meaning] = taken
    if "item_id" not in found:
        raise UnusableTransactions(
            f"no column for item_id; the file has {', '.join(names)}. Name it with --column item_id=…"
        )
    return found
