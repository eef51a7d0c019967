"""What pages say, English and Chinese: every sentence has both, and no page has another."""

from typing import Any, Final

from app.console.month_sentences import MONTH_SENTENCES
from app.console.service_sentences import SERVICE_SENTENCES
from app.console.shop_sentences import SHOP_SENTENCES

LANGUAGES: Final = ("en", "zh")

SENTENCES: Final[dict[str, tuple[str, str]]] = {
    "brand": ("Perennial", "Perennial"),
    "tag": ("en", "zh-Hans"),
    "tag.en": ("en", "en"),
    "tag.zh": ("zh-Hans", "zh-Hans"),
    "language.en": ("English", "English"),
    "language.zh": ("中文", "中文"),
    "skip": ("To the content", "跳到正文"),
    "nav": ("Pages", "页面"),
    "nav.today": ("Today", "今日"),
    "nav.customers": ("Customers", "顾客"),
    "nav.lifecycle": ("Lifecycle", "生命周期"),
    "nav.actions": ("Actions", "动作与效果"),
    "nav.data": ("Data", "数据"),
    "nav.kpis": ("KPIs", "经营指标"),
    "nav.models": ("Models", "模型"),
    "nav.operations": ("Operations", "运行状况"),
    "sign_out": ("Sign out", "退出"),
    # signing in
    "sign_in.title": ("Sign in", "登录"),
    "sign_in.lead": (
        "With an API key. What you may see is what the key may read.",
        "请使用 API 密钥登录。可见内容取决于该密钥的权限。",
    ),
    "sign_in.key": ("API key", "API 密钥"),
    "sign_in.button": ("Sign in", "登录"),
    "sign_in.how": (
        "A key is made with a command; its one-time link signs in without typing.",
        "密钥由命令生成；一次性链接可免输入登录。",
    ),
    "sign_in.unauthorized": (
        "This key is not valid. Was it copied whole, and not revoked?",
        "该密钥无效。请确认已完整复制，且未被吊销。",
    ),
    "sign_in.too-many-failures": (
        "Too many wrong keys came from here. Wait a minute, then try again.",
        "错误密钥尝试过多，请一分钟后再试。",
    ),
    "sign_in.not-ready": (
        "The database does not answer just now. Try again in a moment.",
        "数据库暂时没有响应，请稍后再试。",
    ),
    "sign_in.code": (
        "This link was used before, or is too old. Sign in with a key, or make another link.",
        "该链接已使用或已过期。请用密钥登录，或重新生成链接。",
    ),
    "sign_in.link": ("Sign in as {name}?", "以 {name} 的身份登录？"),
    "sign_in.link_lead": (
        "Go on only if you asked for this link yourself: what you do afterwards is recorded under this key.",
        "请仅在链接由您本人索取时继续：此后的操作将记录在该密钥名下。",
    ),
    "sign_in.link_now": (
        "You are signed in as {name} now; this ends it in this browser.",
        "您当前以 {name} 登录；继续将在此浏览器中替换该登录。",
    ),
    "sign_in.link_not": ("Leave it as it is", "保持现状"),
    "sign_in.other": ("That did not work. Try again in a moment.", "登录未成功，请稍后再试。"),
    # KPIs
    "kpis.by": ("By", "维度"),
    "kpis.kpi": ("KPI", "指标"),
    "kpis.counting": ("Counting …", "正在统计……"),
    "kpis.lead": ("From {first} to {last}", "{first} 至 {last}"),
    "kpis.value": ("Value", "数值"),
    "kpis.of": ("Out of", "计算依据"),
    "kpis.before": ("Period before", "上期"),
    "kpis.moved": ("Moved", "环比"),
    "kpis.year_before": ("Year before", "去年同期"),
    "kpis.year_moved": ("Over a year", "同比"),
    "kpis.key": ("Of", "所属"),
    "kpis.none": ("Not known", "未注明"),
    "kpis.running": ("not over yet", "尚未结束"),
    "kpis.nothing": ("Nothing happened in this time.", "该时段内没有数据。"),
    "kpis.nothing_next": ("Ask for a longer one, or bring events in:", "请选择更长的时段，或导入事件："),
    "kpis.now": ("This time", "本期"),
    "kpis.better.up": ("more is better", "越高越好"),
    "kpis.better.down": ("less is better", "越低越好"),
    "kpis.definition": (
        "Each beside the same length of time before, and a year before. Shares move in points of a hundred.",
        "各指标与前一等长时段及去年同期对比。比例类指标显示百分点差，其余显示变化百分比。",
    ),
    "kpis.left_out": ("{n} more are in the API alone.", "另有 {n} 项仅可通过 API 获取。"),
    "tree.title.previous": ("What moved sales against the period before", "销售额环比变动拆解"),
    "tree.title.year_before": ("What moved sales against the year before", "销售额同比变动拆解"),
    "tree.moved": ("From {before} to {now}: {change}.", "由 {before} 变为 {now}：{change}。"),
    "tree.driver": ("Driver", "驱动因素"),
    "tree.before": ("Before", "对比期"),
    "tree.change": ("Moved sales by", "对销售额的影响"),
    "tree.definition": (
        "Customers × orders a customer × paid an order; Shapley values. Who ordered in the {n} days before stayed.",
        "人数 × 人均订单数 × 客单价，影响为 Shapley 值，合计等于变动额。期初前 {n} 天内下过单者为留存。",
    ),
    # what is shown instead
    "failure.other": ("This did not work", "操作未成功"),
    "failure.not-ready": ("The database is away", "数据库暂时无法访问"),
    "failure.overloaded": ("Too much is asked just now", "当前请求过多"),
    "failure.forbidden": ("This key may not see this", "该密钥无权查看"),
    "failure.not-found": ("There is no such page", "页面不存在"),
    "failure.unknown-customer": ("Nothing was known of this customer then", "当时尚无该顾客的记录"),
    "failure.not-promotable": ("The model cannot be put in force", "无法启用该模型"),
    "failure.malformed": ("This cannot be asked so", "请求内容有误"),
    "failure.too-many-requests": ("This key has asked for too much", "该密钥请求过多"),
    "failure_next.other": ("Go back to the beginning, or try again in a moment.", "请返回首页，或稍后再试。"),
    "failure_next.not-ready": (
        "Nothing is lost: tills are told to send again. This page looks again by itself every five seconds.",
        "数据不会丢失：收银端会收到重发提示。本页每五秒自动重试。",
    ),
    "failure_next.overloaded": (
        "Tills come first. This page looks again by itself every five seconds.",
        "收银请求优先处理。本页每五秒自动重试。",
    ),
    "failure_next.forbidden": (
        "Sign in with a key that has the scope it needs; an admin makes one.",
        "请使用具备相应权限的密钥登录，可由管理员创建。",
    ),
    "failure_next.not-found": ("The address may have been mistyped.", "地址可能输入有误。"),
    "failure_next.unknown-customer": ("Choose a later day.", "请选择更晚的日期。"),
    "failure_next.not-promotable": ("What stands below says why.", "原因见下方说明。"),
    "failure_next.malformed": ("Look at what the address says, or begin anew.", "请检查地址中的参数，或重新开始。"),
    "failure_next.too-many-requests": ("Wait a few seconds, then try again.", "请等待几秒后再试。"),
    "failure.again": ("Look again", "重试"),
    "failure.home": ("To the beginning", "返回首页"),
    # words that several pages have
    "customer": ("Customer", "顾客"),
    "customers": ("Customers", "顾客数"),
    "stage": ("Stage", "阶段"),
    "churn_risk": ("Risk of leaving", "流失风险"),
    "expected_loss": ("Expected loss", "预计损失"),
    "when": ("When", "时间"),
    "since": ("since {at}", "自 {at}"),
    "change": ("Change", "变化"),
    "days": ("{n} days", "{n} 天"),
    "reason": ("Reason", "理由"),
    "items": ("{n} items", "{n} 件"),
    "table.filter": ("Filter", "筛选"),
    "table.next": ("Next page", "下一页"),
    "table.back": ("Page before", "上一页"),
    "table.rows": ("{from} – {to} of {of}", "第 {from} – {to} 行，共 {of} 行"),
    "table.csv": ("Download as CSV", "下载 CSV"),
    "table.more": ("More of it", "更多"),
    "chart.table": ("As a table", "数据表"),
    "source.call": ("The same figures by the API:", "以 API 获取相同数据："),
    "source.csv": ("All of it as CSV, by the API's names", "全部数据 CSV（API 字段名）"),
    **MONTH_SENTENCES,
    **SHOP_SENTENCES,
    **SERVICE_SENTENCES,
}


def say(language: str, key: str, otherwise: str | None = None, /, **values: Any) -> str:
    """A sentence, with what belongs in its places; `otherwise`: another, where there is none of that key."""
    found = SENTENCES.get(key) if otherwise is None else SENTENCES.get(key, SENTENCES[otherwise])
    if found is None:
        raise KeyError(key)
    sentence = found[LANGUAGES.index(language)]
    return sentence.format(**values) if values else sentence
