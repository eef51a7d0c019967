"""The demo shop's catalogue of items, as `PUT /v1/items` takes it: titles, categories, prices, stock."""

from collections.abc import Iterator
from typing import Any, Final

from ml.demo.catalogue import CATEGORIES, SHELVES, Product

_DEPARTMENTS: Final = {
    **dict.fromkeys(("dairy", "produce", "bakery", "grains", "snacks", "drinks"), "groceries"),
    **dict.fromkeys(("household", "care", "baby", "pet"), "home"),
    **dict.fromkeys(("apparel", "gifts"), "style"),
}
_MARGINS: Final = {
    "dairy": 0.18,
    "produce": 0.22,
    "bakery": 0.35,
    "grains": 0.15,
    "snacks": 0.3,
    "drinks": 0.28,
    "household": 0.25,
    "care": 0.32,
    "baby": 0.2,
    "pet": 0.26,
    "apparel": 0.45,
    "gifts": 0.38,
}
_ENGLISH: Final = {
    "dairy": "Fresh milk 950 ml, Plain yoghurt, Eggs 30, Long-life milk carton, Cheese slices, Butter, "
    "Cheese sticks for children, Whipping cream, Low-fat milk, Condensed milk",
    "produce": "Bananas 1 kg, Apples 1 kg, Tomatoes 500 g, Greens 400 g, Potatoes 1 kg, Cucumbers 500 g, "
    "Blueberries, Oranges 1 kg, Half a watermelon, Strawberries",
    "bakery": "Wholemeal toast, Pull-apart bread, Custard buns, Croissant, Egg tarts 4, Swiss roll, Crescent roll, "
    "Pork floss buns, Red bean bun, Chiffon cake",
    "grains": "Northeastern rice 5 kg, Noodles 1 kg, Peanut oil 5 l, Flour 2.5 kg, Soy sauce 500 ml, Millet 1 kg, "
    "Aged vinegar, Rapeseed oil 5 l, Black rice 1 kg, Oyster sauce",
    "snacks": "Potato crisps, Daily nuts, Soda crackers, Beef jerky, Seaweed, Dark chocolate, Preserved plums, Jelly, "
    "Sunflower seeds 500 g, Spicy strips",
    "drinks": "Mineral water 12 bottles, Sparkling water 6 cans, Oolong tea, Drip coffee 20 bags, Orange juice 1 l, "
    "Beer 6 cans, Cola 2 l, Soy milk 6 packs, Green tea 250 g, Electrolyte water",
    "household": "Tissues 24 packs, Toilet paper, Laundry liquid 3 kg, Washing-up liquid 1 kg, Bin bags 100, "
    "Toilet cleaner, Freezer bags, Disinfectant, Sponges, Fabric softener",
    "care": "Shampoo 750 ml, Toothpaste, Shower gel 1 l, Face wash, Face masks 10, Hand cream, Toothbrushes 4, "
    "Sanitary towels, Sun cream, Razor blades",
    "baby": "Infant formula 900 g, Nappies size L, Baby wipes, Rice cereal, Fruit puree 6 pouches, Baby face cream, "
    "Baby bottle, Cotton tissues, Picture book, Baby laundry soap",
    "pet": "Cat food 2 kg, Cat litter 10 kg, Dog food 5 kg, Cat treats, Cat food 6 tins, Pet pads, Chew sticks, "
    "Scratching board, Pet shampoo, Cat teaser",
    "apparel": "Cotton T-shirt, Down jacket, Jeans, Wool jumper, Thermal underwear, Trainers, Dress, Cotton socks 5, "
    "Trench coat, Scarf",
    "gifts": "Nut gift box, Tea gift box, Baijiu gift box, Chocolate gift box, Red wine pair, Pastry gift box, "
    "Seafood voucher, Scented candle, Spring couplets, Christmas wreath",
}
"""In the order of each category's stock."""
_STAND_INS: Final = {"低脂牛奶": "鲜牛奶950ml", "菜籽油5L": "花生油5L", "黑米1kg": "东北大米5kg", "牛角包": "可颂"}
_SOLD_OUT: Final = {"海鲜礼券": "store-03", "圣诞花环": "store-04", "蓝莓盒": "store-02"}
"""In which store."""


def list_items(digits: int = 2) -> Iterator[dict[str, Any]]:
    """What the shop sells, as `PUT /v1/items` takes it; prices with so many decimals."""
    ids = {product.name: product.product_id for shelf in SHELVES for product in shelf}
    for category, shelf in zip(CATEGORIES, SHELVES, strict=True):
        for product, english in zip(shelf, _ENGLISH[category.key].split(","), strict=True):
            yield _describe(product, english.strip(), ids) | {"price": round(product.price_minor / 100, digits)}


def _describe(product: Product, english: str, ids: dict[str, str]) -> dict[str, Any]:
    item: dict[str, Any] = {
        "item_id": product.product_id,
        "title": {"en": english, "zh": product.name},
        "category": [_DEPARTMENTS[product.category], product.category],
        "margin": _MARGINS[product.category],
        "in_stock_by_store": {_SOLD_OUT[product.name]: False} if product.name in _SOLD_OUT else {},
        "tags": ["demo"],
    }
    return item | ({"substitute_of": ids[_STAND_INS[product.name]]} if product.name in _STAND_INS else {})
