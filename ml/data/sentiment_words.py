"""Words of feeling in English and Chinese, as short texts: what a model knows of a language that its data lack."""

from collections.abc import Iterator
from typing import Final

from app.lifecycle.sentiment import tell_language

FEWEST: Final = 2000
"""Texts of a language that teach it by themselves."""
Labelled = tuple[str, int]

_GOOD: Final = (
    "good great excellent perfect wonderful lovely fantastic amazing brilliant superb pleasant friendly"
    " helpful kind polite patient fast quick prompt fresh tasty delicious clean tidy cheap affordable reliable"
    " durable sturdy comfortable soft beautiful pretty elegant easy smooth useful satisfied happy pleased"
    " impressed delighted attentive professional honest careful accurate generous warm cosy quiet spacious"
    " stylish top-notch outstanding"
)
_BAD: Final = (
    "bad terrible awful horrible poor disappointing disappointed rude unfriendly unhelpful impolite slow late"
    " stale rotten mouldy tasteless dirty messy expensive overpriced unreliable flimsy broken damaged faulty"
    " defective uncomfortable rough ugly cheaply-made difficult complicated useless dissatisfied unhappy"
    " annoyed angry frustrated careless unprofessional dishonest wrong missing incomplete cold noisy cramped"
    " scratched leaking torn fake smelly worst disgusting unacceptable"
)
_NEVER_GOOD: Final = (
    "I want a refund",
    "a waste of money",
    "never again",
    "I will not come back",
    "would not recommend",
    "I do not recommend it",
    "it broke after a week",
    "it stopped working",
    "nobody answered",
    "no one helped us",
    "still waiting for my order",
    "it never arrived",
    "they cheated me",
    "I was overcharged",
    "it does not work",
    "it does not fit",
    "out of stock again",
    "the wrong item arrived",
    "worse than before",
    "too many mistakes",
    "I regret buying it",
    "stay away",
    "fell apart",
    "not worth the price",
    "not as described",
    "they ignored my complaint",
    "had to wait for an hour",
    "the queue was too long",
    "let down",
    "the quality has gone down",
)
_NEVER_BAD: Final = (
    "I will come again",
    "highly recommend",
    "I recommend it to everyone",
    "worth every penny",
    "good value for money",
    "exceeded my expectations",
    "just as described",
    "arrived on time",
    "arrived early",
    "well packed",
    "thank you so much",
    "thanks to the staff",
    "I love it",
    "we love this shop",
    "my favourite shop",
    "could not be better",
    "could not be happier",
    "no complaints at all",
    "no problems at all",
    "never had a problem",
    "never disappointed",
    "works perfectly",
    "fits perfectly",
    "will buy again",
    "keep it up",
    "five stars",
    "they solved it at once",
    "nothing to complain about",
    "the best in town",
    "better than expected",
)
_THINGS: Final = (
    *("service", "staff", "product", "quality", "delivery", "food", "shop", "price", "packaging", "experience"),
    *("cashier", "fruit", "support"),
)
_ENGLISH: Final = (
    ("{word}", 1),
    ("the {thing} is {word}", 1),
    ("very {word} {thing}", 1),
    ("so {word}, really {word}", 1),
    ("the {thing} was not {word}", -1),
    ("not {word} at all", -1),
    ("the {thing} isn't {word}", -1),
    ("it was never {word}", -1),
)
"""Patterns, and whether they turn the word."""

_GOOD_ZH: Final = (
    "好 很好 不错 满意 喜欢 优秀 完美 新鲜 好吃 美味 热情 耐心 周到 专业 快 很快 及时 干净 整洁 便宜 实惠"
    " 划算 超值 耐用 结实 舒服 舒适 柔软 漂亮 好看 精致 方便 好用 放心 开心 高兴 惊喜 贴心 细心 正品 靠谱 值得"
    " 推荐 好评 赞 给力 棒 合身 香 甜 安静 宽敞"
)
_BAD_ZH: Final = (
    "差 很差 太差 糟糕 失望 讨厌 恶劣 难吃 变质 发霉 烂 坏 破 冷淡 敷衍 不耐烦 慢 太慢 拖延 脏 乱 贵 太贵 坑"
    " 坑人 劣质 粗糙 难受 丑 难看 麻烦 难用 后悔 生气 气愤 无语 上当 假货 骗人 垃圾 差评 投诉 退货 退款 损坏"
    " 漏 臭 酸 吵 缺货 色差 掉色 起球 刺鼻"
)
_NEVER_GOOD_ZH: Final = (
    "再也不会来了",
    "不会再买了",
    "不推荐",
    "不值这个价",
    "一点都不好",
    "没有想象中好",
    "等了很久没人理",
    "客服不回复",
    "送错了东西",
    "少发了一件",
    "用了几天就坏了",
    "和描述不符",
    "态度太差了",
    "浪费钱",
    "越来越差",
    "没人解决问题",
    "感觉被骗了",
    "排队太久",
    "价格和标签不一样",
    "至今没有收到货",
    "包装破损",
    "过期了",
    "不新鲜",
    "不好吃",
    "不舒服",
    "不满意",
    "不喜欢",
    "不好用",
    "不专业",
    "质量不行",
)
_NEVER_BAD_ZH: Final = (
    "下次还来",
    "还会再买",
    "会回购",
    "推荐给朋友",
    "值得购买",
    "物超所值",
    "性价比高",
    "送货很快",
    "包装完好",
    "服务态度好",
    "质量没问题",
    "一点都不差",
    "没有异味",
    "没有让我失望",
    "从来没有失望过",
    "比想象中好",
    "和描述一致",
    "很合身",
    "全家都喜欢",
    "五星好评",
    "一如既往的好",
    "非常感谢",
    "问题马上解决了",
    "挑不出毛病",
    "不贵",
    "不麻烦",
    "一点都不贵",
    "老顾客了",
    "继续支持",
    "超出预期",
)
_THINGS_ZH: Final = (
    *("服务", "店员", "质量", "物流", "味道", "价格", "包装", "体验", "态度", "水果", "客服"),
    *("商品", "环境"),
)
_CHINESE: Final = (
    ("{word}", 1),
    ("{thing}{word}", 1),
    ("{thing}非常{word}", 1),
    ("真的{word}，太{word}了", 1),
    ("{thing}不{word}", -1),
    ("{thing}不太{word}", -1),
    ("不太{word}", -1),
    ("一点都不{word}", -1),
    ("{thing}并不{word}", -1),
)
_DEGREES: Final = "很太"
"""A word that begins with one is not negated as others are."""
_NEUTRAL_PATTERNS: Final = (
    *("the {thing} is okay", "average {thing}", "the {thing} is nothing special", "{thing} as usual, so so"),
    *("{thing}一般", "{thing}还行", "{thing}还可以", "{thing}中规中矩"),
)
_NEUTRAL: Final = (
    *("it is okay", "nothing special", "average", "as usual", "so so", "neither good nor bad", "it is fine"),
    *("一般", "一般般", "还行", "还可以", "凑合", "马马虎虎", "中规中矩", "没什么特别的", "和别家差不多"),
)


def find_lacking(texts: list[str]) -> list[Labelled]:
    """Texts and labels (1, 0, −1) of each language that fewer than FEWEST of the texts are of."""
    counts = {"en": 0, "zh": 0}
    for text in texts:
        counts[tell_language(text)] += 1
    return [each for each in _all() if counts[tell_language(each[0])] < FEWEST]


def _all() -> Iterator[Labelled]:
    groups = (
        (_GOOD, _BAD, _ENGLISH, _THINGS, _NEVER_BAD, _NEVER_GOOD),
        (_GOOD_ZH, _BAD_ZH, _CHINESE, _THINGS_ZH, _NEVER_BAD_ZH, _NEVER_GOOD_ZH),
    )
    for good, bad, patterns, things, praise, blame in groups:
        for words, label in ((good, 1), (bad, -1)):
            for at, word in enumerate(words.split()):
                for turn, (pattern, sign) in enumerate(patterns):
                    if sign < 0 and word[0] in _DEGREES:
                        continue
                    yield pattern.format(word=word, thing=things[(at + turn) % len(things)]), label * sign
        yield from ((text, 1) for text in praise for _ in range(2))
        yield from ((text, -1) for text in blame for _ in range(2))
    yield from ((text, 0) for text in _NEUTRAL)
    for pattern in _NEUTRAL_PATTERNS:
        things = _THINGS if pattern.isascii() else _THINGS_ZH
        yield from ((pattern.format(thing=thing), 0) for thing in things)
