"""What the demo shop sells.

Invented for the demo: names and prices (CNY) are plausible for a Chinese neighbourhood
supermarket with a web shop, and belong to no real retailer. Money is in integer minor units (fen).
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Product:
    """One article; `cycle_days` is how long one unit lasts a typical household, None if it is not used up."""

    product_id: str
    category: str
    name: str
    price_minor: int
    cycle_days: int | None


@dataclass(frozen=True, slots=True)
class Category:
    """`appeal` weighs the category for weekly, monthly, occasional and seasonal shoppers, in that order.

    `stock` lists `name price` or `name price/cycle_days`, best-seller first.
    """

    key: str
    title: str
    appeal: tuple[float, float, float, float]
    stock: str


CATEGORIES: Final = (
    Category("dairy", "乳制品", (4, 1, 0.3, 0.3), "鲜牛奶950ml 15.80/6, 原味酸奶 9.90/7, 鸡蛋30枚 28.80/12, "
             "纯牛奶箱装 59.90/20, 芝士片 18.90/21, 黄油 24.50/40, 儿童奶酪棒 29.90/10, 淡奶油 19.90, "
             "低脂牛奶 14.50/6, 炼乳 12.80"),
    Category("produce", "蔬果", (4, 0.6, 0.3, 0.3), "香蕉1kg 9.80/7, 苹果1kg 14.80/8, 番茄500g 6.90/6, "
             "青菜400g 4.90/5, 土豆1kg 5.80/10, 黄瓜500g 5.50/7, 蓝莓盒 19.90/8, 橙子1kg 16.80/9, "
             "西瓜半个 22.00, 草莓盒 35.00"),
    Category("bakery", "烘焙", (3, 0.5, 0.3, 0.3), "全麦吐司 12.90/6, 手撕面包 15.80/8, 奶黄包 13.50/10, "
             "可颂 8.80, 蛋挞4只 16.00, 瑞士卷 22.80, 牛角包 9.90, 肉松小贝 26.80, 红豆面包 6.90, "
             "戚风蛋糕 32.00"),
    Category("grains", "粮油", (2, 3, 0.3, 0.5), "东北大米5kg 42.90/30, 挂面1kg 11.80/18, "
             "花生油5L 129.90/75, 面粉2.5kg 16.90/45, 生抽500ml 12.90/40, 小米1kg 15.90/35, 陈醋 9.80/60, "
             "菜籽油5L 89.90/75, 黑米1kg 18.80, 蚝油 10.90/50"),
    Category("snacks", "零食", (2, 1.5, 1, 1.5), "原味薯片 8.90, 每日坚果 79.90/30, 苏打饼干 12.50/14, "
             "牛肉干 38.80, 海苔 15.90, 黑巧克力 21.80/14, 话梅 11.90, 果冻 9.90, 瓜子500g 16.80, "
             "辣条 5.50"),
    Category("drinks", "饮料", (2, 1.5, 0.6, 0.8), "矿泉水12瓶 19.90/10, 气泡水6罐 24.90/12, 乌龙茶 5.50, "
             "挂耳咖啡20包 59.00/22, 橙汁1L 16.90/9, 啤酒6罐 36.00/14, 可乐2L 8.50, 豆奶6盒 18.80/10, "
             "绿茶250g 68.00/60, 电解质水 6.00"),
    Category("household", "家居清洁", (1, 3.5, 0.5, 0.5), "抽纸24包 49.90/35, 卷纸 32.90/30, "
             "洗衣液3kg 45.90/45, 洗洁精1kg 13.90/40, 垃圾袋100只 15.90/30, 洁厕灵 12.90/40, "
             "保鲜袋 11.50/60, 消毒液 26.80/50, 清洁海绵 7.90/30, 柔顺剂 29.90/60"),
    Category("care", "个人护理", (0.7, 3, 1.5, 1), "洗发水750ml 49.90/55, 牙膏 15.90/40, 沐浴露1L 39.90/50, "
             "洗面奶 45.00/60, 面膜10片 69.90/30, 护手霜 25.90, 牙刷4支 19.90/90, 卫生巾 22.90/28, "
             "防晒霜 89.00, 剃须刀片 59.90/75"),
    Category("baby", "母婴", (0.2, 1.2, 0.2, 0.2), "婴儿奶粉900g 268.00/21, 纸尿裤L码 119.00/24, "
             "婴儿湿巾 29.90/18, 米粉 45.80/25, 果泥6袋 39.90/12, 婴儿面霜 58.00/60, 奶瓶 79.00, "
             "棉柔巾 24.90/20, 绘本 36.00, 婴儿洗衣皂 16.90/45"),
    Category("pet", "宠物", (0.3, 1.2, 0.2, 0.2), "猫粮2kg 98.00/32, 猫砂10kg 45.00/28, 狗粮5kg 159.00/40, "
             "猫条 29.90/14, 猫罐头6罐 54.00/12, 宠物尿垫 49.90/30, 磨牙棒 25.90/21, 猫抓板 32.00, "
             "宠物香波 42.00/90, 逗猫棒 12.90"),
    Category("apparel", "服饰", (0.1, 0.3, 4, 2.5), "纯棉T恤 79.00, 羽绒服 599.00, 牛仔裤 199.00, "
             "羊毛衫 329.00, 保暖内衣 129.00, 运动鞋 369.00, 连衣裙 259.00, 棉袜5双 39.90, 风衣 459.00, "
             "围巾 99.00"),
    Category("gifts", "礼品", (0.2, 0.3, 2, 4), "坚果礼盒 168.00, 茶叶礼盒 298.00, 白酒礼盒 468.00, "
             "巧克力礼盒 128.00, 红酒双支装 256.00, 糕点礼盒 88.00, 海鲜礼券 388.00, 香薰蜡烛 119.00, "
             "春联福字 29.90, 圣诞花环 69.00"),
)  # fmt: skip


def read_stock(category: Category, first_number: int) -> list[Product]:
    """The products of one category, numbered from `first_number`."""
    products = []
    for number, entry in enumerate(category.stock.split(","), start=first_number):
        name, _, figures = entry.strip().rpartition(" ")
        price, _, cycle = figures.partition("/")
        price_minor = round(float(price) * 100)
        products.append(Product(f"DEMO-P{number}", category.key, name, price_minor, int(cycle) if cycle else None))
    return products


SHELVES: Final = [read_stock(category, 1001 + 100 * at) for at, category in enumerate(CATEGORIES)]
PRODUCTS: Final = tuple(product for shelf in SHELVES for product in shelf)
COMPANIONS: Final = {
    "挂面1kg": {"番茄500g": 0.35, "生抽500ml": 0.25},
    "全麦吐司": {"黄油": 0.3},
    "手撕面包": {"芝士片": 0.3},
    "挂耳咖啡20包": {"低脂牛奶": 0.4},
    "草莓盒": {"淡奶油": 0.4},
    "面粉2.5kg": {"炼乳": 0.25},
    "东北大米5kg": {"菜籽油5L": 0.25},
    "啤酒6罐": {"瓜子500g": 0.4, "原味薯片": 0.2},
    "猫粮2kg": {"猫砂10kg": 0.4},
    "猫罐头6罐": {"猫条": 0.4},
    "狗粮5kg": {"磨牙棒": 0.4},
    "婴儿奶粉900g": {"纸尿裤L码": 0.35},
    "纸尿裤L码": {"婴儿湿巾": 0.4},
    "洗衣液3kg": {"柔顺剂": 0.4},
    "洗发水750ml": {"沐浴露1L": 0.35},
    "牙膏": {"牙刷4支": 0.3},
    "洗面奶": {"面膜10片": 0.3},
    "羽绒服": {"围巾": 0.35},
    "运动鞋": {"棉袜5双": 0.4},
    "白酒礼盒": {"坚果礼盒": 0.35},
}
"""By the name of a product, what is taken with it, and the chance that it is."""
CATEGORY_TITLES: Final = {category.key: category.title for category in CATEGORIES}
