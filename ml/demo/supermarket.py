"""The demo shop: what it sells, how its baskets fill, when it is busy, and what is said there.

Invented for the demo: names and prices (CNY) are plausible for a Chinese neighbourhood
supermarket with a web shop, and belong to no real retailer. Money is in integer minor units
inside (fen), in decimals on the wire.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


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
CATEGORY_TITLES: Final = {category.key: category.title for category in CATEGORIES}


@dataclass(frozen=True, slots=True)
class Line:
    product: Product
    quantity: int

    @property
    def amount_minor(self) -> int:
        return self.product.price_minor * self.quantity

    def as_page(self) -> dict[str, str]:
        return {"product_id": self.product.product_id, "category": self.product.category, "channel": "web"}

    def as_wire(self) -> dict[str, Any]:
        return {
            "product_id": self.product.product_id,
            "category": self.product.category,
            "name": self.product.name,
            "price": self.product.price_minor / 100,
            "quantity": self.quantity,
        }


@dataclass(frozen=True, slots=True)
class Basket:
    """What is paid for at once; `discount_minor` is the money off the whole of it."""

    lines: tuple[Line, ...]
    discount_minor: int

    @property
    def subtotal_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines)

    @property
    def total_minor(self) -> int:
        return self.subtotal_minor - self.discount_minor

    def draw_returns(self, rng: Generator) -> list[Basket]:
        """All of it, or one or two lines, each apart and perhaps in part; the totals are the money back."""
        if rng.random() < 0.4:
            return [self]
        chosen = rng.permutation(len(self.lines))[: int(rng.integers(1, 3))].tolist()
        parts = [self.lines[at] for at in chosen]
        parts = [Line(part.product, int(rng.integers(1, part.quantity + 1))) for part in parts]
        return [Basket((part,), part.amount_minor - self.paid_minor(part)) for part in parts]

    def paid_minor(self, line: Line) -> int:
        """What was paid for (part of) a line after its share of the discount.

        Rounded down, so that the parts of a basket never add up to more than its total.
        """
        return line.amount_minor * self.total_minor // self.subtotal_minor


DISCOUNT_RATES: Final = (0.05, 0.10, 0.15, 0.20, 0.30)


@dataclass(frozen=True, slots=True)
class Taste:
    """What one customer likes: `weights` (products,) sums to 1 and is 0 for the staples.

    `staples` maps a product's index to the days after which this household needs it again.
    """

    weights: Floats
    staples: dict[int, float]


def draw_taste(rng: Generator, column: int, staples_max: int) -> Taste:
    """A few favourite categories (sparse Dirichlet around `Category.appeal[column]`), best-sellers first."""
    liking = rng.dirichlet([0.5 * category.appeal[column] for category in CATEGORIES])
    popularity = np.concatenate([(1 + np.arange(len(shelf))) ** -0.7 for shelf in SHELVES])
    weights = np.repeat(liking, [len(shelf) for shelf in SHELVES])
    weights *= popularity * rng.gamma(1.5, size=len(PRODUCTS))
    cycles = [product.cycle_days for product in PRODUCTS]
    likeliest = [at for at in np.argsort(-weights).tolist() if cycles[at] and weights[at] > 0]
    count = int(rng.integers(1, staples_max + 1)) if staples_max else 0
    staples = {at: (cycles[at] or 0) * rng.lognormal(0, 0.2) for at in likeliest[:count]}
    weights[list(staples)] = 0
    return Taste(weights / weights.sum(), staples)


def fill_baskets(
    rng: Generator, taste: Taste, days: Sequence[int], lines: float, price_sensitivity: float
) -> list[Basket]:
    """One basket a shopping day: the staples that have run out, and about `lines` products on impulse."""
    counts = 1 + rng.poisson(lines - 1, len(days))
    picks = iter(rng.choice(len(PRODUCTS), int(counts.sum()), p=taste.weights).tolist())
    bought_day = dict.fromkeys(taste.staples, -inf)
    baskets = []
    for day, count in zip(days, counts.tolist(), strict=True):
        due = [at for at, gap_days in taste.staples.items() if day - bought_day[at] >= 0.9 * gap_days]
        bought_day.update(dict.fromkeys(due, day))
        chosen = Counter([*due, *islice(picks, count)])
        wanted = tuple(Line(PRODUCTS[at], quantity) for at, quantity in chosen.items())
        baskets.append(Basket(wanted, draw_discount(rng, wanted, price_sensitivity)))
    return baskets


def draw_discount(rng: Generator, lines: tuple[Line, ...], price_sensitivity: float) -> int:
    """Minor units off; the sensitive buy on discount more often, and wait for deeper ones."""
    if rng.random() > 0.06 + 0.75 * price_sensitivity:
        return 0
    rate = DISCOUNT_RATES[rng.binomial(len(DISCOUNT_RATES) - 1, 0.2 + 0.5 * price_sensitivity)]
    return round(rate * sum(line.amount_minor for line in lines))


ZONE: Final = timezone(timedelta(hours=8))
DAY_S: Final = 86_400
WEEKDAYS: Final = np.array([0.80, 0.80, 0.85, 0.90, 1.10, 1.35, 1.20])  # Monday first, mean 1
# Peaks of the year, with the share of the seasonal shoppers who wait for each.
PEAKS: Final = {"spring_festival": 0.35, "singles_day": 0.30, "summer": 0.20, "christmas": 0.15}
SEASONS: Final = (  # name, first and last (month, day); Spring Festival moves with the moon
    ("summer", (6, 15), (8, 31)),
    ("singles_day", (10, 24), (11, 12)),
    ("christmas", (11, 25), (12, 25)),
)
SHOPS: Final = ("store-01", "store-02", "store-03", "store-04")
# Orders by hour of the day: the shops are open from 9 to 22, the web never closes.
HOURS: Final = {
    "store": [0] * 9 + [3, 6, 8, 6, 4, 4, 5, 7, 10, 12, 10, 7, 3, 0, 0],
    "web": [3, 1, 1, 1, 1, 1, 1, 2, 3, 4, 5, 5, 7, 6, 5, 5, 5, 5, 6, 8, 11, 13, 11, 6],
}


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of a simulation, the first from `origin`, a local midnight; the arrays have shape (days,).

    `busy` is the traffic of the shop against a usual day, `peaks[name]` is 1 in that season, else 0.
    The simulation ends `end_s` seconds after the origin, within the last day.
    """

    origin: datetime
    end_s: int
    busy: Floats
    peaks: dict[str, Floats]


def find_spring_festival(year: int) -> date:
    """The new moon nearest to 5 February by the mean synodic month, right to about a day."""
    new_moon, month_days = datetime(2000, 1, 7, 2, 14, tzinfo=ZONE), 29.530588853
    moons = round((datetime(year, 2, 5, 12, tzinfo=ZONE) - new_moon) / timedelta(days=month_days))
    return (new_moon + moons * timedelta(days=month_days)).date()


def find_peak(day: date) -> str | None:
    """The shopping season that `day` belongs to."""
    if any(0 < (find_spring_festival(year) - day).days <= 28 for year in (day.year, day.year + 1)):
        return "spring_festival"
    return next((name for name, first, last in SEASONS if first <= (day.month, day.day) <= last), None)


def draw_calendar(until: datetime, days: int) -> Calendar:
    """The days from the first local midnight at or after `until` − `days` up to `until`."""
    start = until.astimezone(ZONE) - timedelta(days=days)
    origin = start.replace(hour=0, minute=0, second=0, microsecond=0)
    origin += timedelta(days=1) if origin < start else timedelta()
    end_s = (until - origin) // timedelta(seconds=1)
    dates = [(origin + timedelta(days=day)).date() for day in range(end_s // DAY_S + 1)]
    names = [find_peak(day) for day in dates]
    peaks = {peak: np.array([name == peak for name in names], dtype=np.float64) for peak in PEAKS}
    holiday = [0 <= (day - find_spring_festival(day.year)).days <= 4 for day in dates]
    yearly = 1 + 0.45 * peaks["spring_festival"] + 0.35 * peaks["singles_day"] + 0.15 * peaks["christmas"]
    weekly = WEEKDAYS[[day.weekday() for day in dates]]
    return Calendar(origin, end_s, weekly * np.where(holiday, 0.3, yearly), peaks)


def draw_peak(rng: Generator) -> str:
    return str(rng.choice(list(PEAKS), p=list(PEAKS.values())))


def draw_shop(rng: Generator, home: str) -> str:
    return home if rng.random() < 0.9 else str(rng.choice(SHOPS))


def draw_clock_s(rng: Generator, channel: str) -> int:
    """Seconds after midnight."""
    cumulated = np.cumsum(HOURS[channel])
    hour = int(np.searchsorted(cumulated, rng.random() * cumulated[-1], side="right"))
    return hour * 3_600 + int(rng.integers(3_600))


def draw_later_s(rng: Generator, at_s: int, days_max: int) -> int:
    """A time within opening hours, one to `days_max` days after the day of `at_s`."""
    day = at_s // DAY_S + int(rng.integers(1, days_max + 1))
    return day * DAY_S + draw_clock_s(rng, "store")


COMPLAINT_CAUSES: Final = {
    "store": ("out_of_stock", "staff_attitude", "product_quality", "price_mismatch", "long_queue"),
    "web": ("late_delivery", "damaged_goods", "wrong_item", "product_quality", "refund_delay"),
}
QUESTION_CAUSES: Final = (
    "delivery_time",
    "points_balance",
    "opening_hours",
    "product_information",
    "invoice",
)

REMARKS: Final = {
    ("positive", "zh"): (
        "东西很新鲜，服务也好，下次还来。",
        "送货很快，包装完好，非常满意。",
        "店员热情，价格实惠，推荐给朋友了。",
        "一直在这里买，质量放心。",
        "活动力度大，买得很开心。",
    ),
    ("neutral", "zh"): (
        "还可以，就是排队有点久。",
        "一般般，和别家差不多。",
        "商品还行，种类可以再多一点。",
        "中规中矩，没有什么特别的。",
    ),
    ("negative", "zh"): (
        "太失望了，水果是坏的。",
        "等了很久没人理，体验很差。",
        "送错了东西，客服一直不回复。",
        "价格和标签不一样，感觉被骗了。",
        "质量越来越差，不会再来了。",
    ),
    ("positive", "en"): (
        "Fresh produce and friendly staff, will come again.",
        "Fast delivery and everything was well packed.",
        "Great prices, I recommend this shop to my friends.",
    ),
    ("neutral", "en"): (
        "It is okay, nothing special.",
        "Decent products, but the queue was a bit long.",
        "Average experience, the range could be wider.",
    ),
    ("negative", "en"): (
        "Very disappointed, the fruit was rotten.",
        "Nobody answered my complaint, terrible service.",
        "Wrong item delivered and no refund yet.",
    ),
}
