"""Models on the wire."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["score", "recommend", "policy", "sentiment"]
State = Literal["champion", "challenger", "retired"]


class ModelOut(BaseModel):
    """A registered model. `metrics` are of its hold-out, by target; of data from `data_from` up to `data_until`."""

    version: str
    kind: Kind
    state: State
    simulated: bool
    horizon_days: int
    readable: Annotated[bool, Field(description="Whether this version can serve it: its features mean what they meant")]
    data_from: str
    data_until: str
    registered_at: str
    changed_at: str
    metrics: dict[str, Any]
    manifest_sha256: str


class ModelListOut(BaseModel):
    """The latest registered first."""

    models: list[ModelOut]


class ModelChangeOut(BaseModel):
    """A change of state; `kept` is a challenger that was judged and stays one.

    `was` is null of a model that is new; `made_by` is a key's id, or says what made it.
    """

    at: str
    was: State | None
    state: State
    act: Literal["registered", "promoted", "rolled_back", "replaced", "kept"]
    made_by: str
    reason: str


class ModelReportOut(BaseModel):
    """`drift`: of the features at a time; `outcome`: what was said then, against what came. Of recommendations `due`:
    what was called due in the four weeks that ended seven days before, `baskets`: lists, against
    next baskets; of a challenger `shadow`: its lists, or choices, beside the champion's. Of a policy `realised`: what
    it brought; `choices`: for whom it would choose what, beside who decided when it was to be put in force."""

    kind: Literal["drift", "outcome", "due", "baskets", "shadow", "choices", "realised"]
    at: str
    made_at: str
    report: dict[str, Any]


class ApprovalOut(BaseModel):
    """The word of a second person for what a model would do beside the version `against`, or the `rules`: the
    `sentence` says what that is. It holds for 30 days."""

    at: str
    against: str
    made_by: str
    reason: str
    sentence: str


class ModelDetailOut(ModelOut):
    """`card` is Markdown. `reports`: what became of its scores, and how its features drift, the latest first."""

    card: str | None
    manifest: dict[str, Any]
    changes: list[ModelChangeOut]
    approvals: list[ApprovalOut]
    reports: list[ModelReportOut]


class ModelChangeIn(BaseModel):
    """Why; it is kept in the audit."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=500)] = ""


class ApprovalIn(BaseModel):
    """Why what would be done is right all the same; it is kept with who says so."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=500)]


class RollbackIn(ModelChangeIn):
    """The kind of model that goes back, and why."""

    kind: Kind = "score"


class PromotedOut(BaseModel):
    """Every worker of every replica answers by `champion` within 5 seconds."""

    champion: str
    replaced: str | None


class ErrorsOut(BaseModel):
    """Of the churn risk, against what came."""

    brier: float
    log_loss: float


class LeadOut(BaseModel):
    """Of the challenger over the champion, in the mean, on the same baskets; null of none, or of a single one."""

    recall_at_10: float | None
    standard_error: float | None


class ListsOut(BaseModel):
    """What a champion of recommendations showed of late, beside what its challenger would have shown in its place.

    `agreement_at_10` is of the first ten items; `judged` are lists whose customer came back within seven days, and the
    rest is of these, by version; null of none.
    """

    champion: str
    challenger: str
    lists: int
    agreement_at_10: float
    same_first: float
    judged: int
    recall_at_10: dict[str, float] | None
    phr_at_10: dict[str, float] | None
    lead: LeadOut


class EstimateOut(BaseModel):
    """In margin, with its interval of 95 %."""

    value: float
    low: float
    high: float


class ChoicesOut(BaseModel):
    """What a champion of policies and its challenger would choose, for customers who were decided of of late.

    `agreement`: the share of decisions that both would decide alike, by the chances of all actions; `same_first`: how
    often the likeliest is the same. `values` are what a decision of either would bring, by version, on those of which
    chance decided and the reward is final (`judged`), `lead` how much more the challenger's; null of too few.
    """

    champion: str
    challenger: str
    decisions: int
    agreement: float
    same_first: float
    judged: int
    values: dict[str, EstimateOut] | None
    lead: EstimateOut | None
    warnings: list[str]


class ShadowOut(BaseModel):
    """Two models asked of the same customers at the same times. Differences are `second` less `first`.

    `errors` are of those whose horizon has passed, `matured` of them; null while there is none. Where the
    horizons of the two differ there never is one, and `left_out` says so; else it is null.
    """

    first: str
    second: str
    customers: int
    mean_difference: float | None
    mean_absolute_difference: float | None
    correlation: float | None
    matured: int
    errors: dict[str, ErrorsOut] | None
    left_out: str | None
    lists: ListsOut | None
    choices: ChoicesOut | None


class ComparisonOut(BaseModel):
    """Models in the order asked for; each beside the first in `shadow`."""

    models: list[ModelOut]
    shadow: list[ShadowOut]
