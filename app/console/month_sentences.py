"""What the report of a month says, English and Chinese."""

from typing import Final

MONTH_SENTENCES: Final[dict[str, tuple[str, str]]] = {
    "month.title": ("The month of {month}", "{month}客户经营月报"),
    "month.running": ("It is not over yet: figures are up to now.", "本月尚未结束，数据截至目前。"),
    "month.do": ("What to do next", "下一步建议"),
    "month.do.look_after": (
        "Look after the {n} customers listed below first: {loss} is expected to be lost with them.",
        "优先联系下方列出的 {n} 位顾客：预计损失合计 {loss}。",
    ),
    "month.do.retention": (
        "Find out why retention moved by {change} against the period before: ask for it by store, channel and tier.",
        "客户保留率较上期变动 {change}：请按门店、渠道和会员等级查找原因。",
    ),
    "month.do.slid": (
        "Ask {n} customers who slid into decline or were lost what was wrong; most of a stage came from: {stage}.",
        "本月有 {n} 位顾客转为衰退或流失，请了解原因；来自最多的阶段：{stage}。",
    ),
    "month.do.keep": (
        "Go on with “{action}” ({stage}, {channel}): {estimate} more margin a person (95%: {low} to {high}).",
        "继续执行“{action}”（{stage}，{channel}）：人均毛利提升 {estimate}，95% 区间 {low} 至 {high}。",
    ),
    "month.do.stop": (
        "Stop “{action}” ({stage}, {channel}): {estimate} of margin a person is what it brings (95%: {low} to {high}).",
        "停止“{action}”（{stage}，{channel}）：人均毛利变动 {estimate}，95% 区间 {low} 至 {high}。",
    ),
    "month.do.unsure": (
        "Of {n} others chance may be all there is: let them run on, and leave the control group as it is.",
        "另有 {n} 项动作的效果尚无法与偶然区分：请继续运行并保留对照组。",
    ),
    "month.do.mismatch": (
        "Believe no effect of this time: the groups are not as large as they were drawn. Find out why.",
        "本期各组人数与设定比例不符，效果数据不可信，请先查明原因。",
    ),
    "month.do.decide": (
        "Have tills or campaigns ask for decisions: without any nothing can be said of what works.",
        "请让收银端或营销活动请求决策，否则无法衡量动作效果。",
    ),
    "month.do.no_costs": (
        "Put what was spent to acquire customers, so that the cost of one is known: PUT /v1/costs.",
        "请录入获客成本以计算 CAC：PUT /v1/costs。",
    ),
    "month.do.no_answers": (
        "Ask customers how satisfied they were: nobody answered in this month.",
        "本月没有满意度反馈，请开展调查。",
    ),
    "month.nothing_to_do": ("Nothing stands out.", "没有需要特别处理的事项。"),
    "month.kpis": ("Key figures", "关键指标"),
    "month.warnings_lead": (
        "Whose risk crossed the threshold in the last {n} days: the {shown} with whom most would be lost.",
        "近 {n} 天内流失风险超过阈值、预计损失最大的 {shown} 位顾客。",
    ),
    "month.worked": ("What worked", "哪些有效"),
    "month.worked_lead": (
        "Decisions from {first} to {last}; margins with their 95% intervals.",
        "{first} 至 {last} 的决策；附 95% 置信区间。",
    ),
}
