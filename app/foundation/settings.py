"""Settings, frozen, from the environment (`PERENNIAL_*`)."""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from app.foundation.errors import UnusableSettings
from app.lifecycle.contact_policy import TimeZone
from app.lifecycle.decisions import COMPLAINT_RISK, Policy
from app.lifecycle.events import minor_digits
from app.lifecycle.kept_members import KeptMembers
from app.lifecycle.pricing.policy import OfferPolicy
from app.lifecycle.retention import Retention, read_retention
from app.lifecycle.stages import StagePolicy
from app.lifecycle.states import ITEMS_KEPT
from app.lifecycle.value import ValueShares

PREFIX = "PERENNIAL_"
TEST_PREFIX = "PERENNIAL_TEST_"
FORMER_NAMES = {"watch_hours": "monitoring_hours"}
"""Names that were given up for others, and are still taken for them."""


_POLICIES: Mapping[str, Any] = {"stages": StagePolicy, "offers": OfferPolicy}
"""Settings that are JSON."""


def _check_kept_members(given: str) -> str:
    KeptMembers.of(given)
    return given


def _check_keys(given: str | None) -> str | None:
    if given is not None and given.startswith("["):
        TypeAdapter(list[str]).validate_json(given)
    return given


class Calendar(StrEnum):
    """Countries whose trade through the year is known to `ml.learning.trade`."""

    GB = "GB"
    US = "US"
    DE = "DE"
    CN = "CN"


def _check_retention(text: str) -> str:
    read_retention(text)
    return text


class Settings(BaseSettings):
    """What a deployment may decide. Each field is the environment variable PERENNIAL_<FIELD>.

    The environment is read by `from_environment` alone: `Settings(…)` has what it is given, and defaults.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix=PREFIX)

    home: Path = Path("var")
    """State of this installation: embedded database, models, keys."""
    database_url: str | None = None
    """Any Postgres 15+, `postgresql://…`; none: the embedded one under `home`."""
    database_owner_url: str | None = None
    """The same database as its owner, who migrates it and makes keys; none: `database_url` is the owner's. The service
    itself goes without."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "CNY"
    """ISO 4217; one a deployment."""
    time_zone: TimeZone = "Asia/Shanghai"
    """Of the IANA database: where quiet hours are kept and days begin, for customers whose own is not known."""
    country_code: Annotated[str, Field(pattern=r"^[0-9]{0,4}$")] = ""
    """Digits, `86` say: of phones that are written without one. Another one later makes other hashes."""
    ids_are_phones: bool = False
    """Whether customer ids that are mobile numbers of that country are phones, kept as hashes; else digits are ids."""
    ahead_minutes: Annotated[int, Field(ge=5, le=525_600)] = 5
    """How far ahead an event's time may be with no right time beside it: beyond 5, it is counted as of its receipt."""
    order_identity: str = ""
    """Sources beside the shops' and Segment's whose orders have an identity, with commas between: `/web,/pos/store-1`;
    each with all below it."""
    items_kept: Annotated[int, Field(ge=10, le=100_000)] = ITEMS_KEPT
    """How many items that a customer bought, and how many looked at, are kept: the latest."""
    kept_members: Annotated[str, AfterValidator(_check_kept_members)] = ""
    """Members of events' data that are kept beside what is counted, with commas between: `text,products.name`; `none`:
    no more than is counted; empty: all."""
    churn_horizon_days: Annotated[int, Field(ge=1, le=730)] = 90
    control_share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of customers held out of every action, so that the effect of actions can be measured."""
    usual_share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of customers decided of by the rules alone, so that what is learned can be measured against them."""
    exploration: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Probability with which a slot of a decision is filled at random among the eligible."""
    activation_hours: Annotated[int, Field(ge=1, le=8760)] = 24
    """How long what was decided and is not shown yet is kept for a customer; then it is given back."""
    attribution_days: Annotated[int, Field(ge=1, le=365)] = 30
    """How long after a decision what comes is an outcome of it."""
    reward_wait_days: Annotated[int, Field(ge=0, le=400)] = 32
    """How long after a decision its reward is final, and may be learned from."""
    default_reward: Annotated[float, Field(ge=-1e9, le=1e9)] = 0.0
    """The reward, in margin (major units), of an action that nothing came of."""
    margin: Annotated[float, Field(gt=0, le=1)] = 0.25
    """Gross margin on spend: what a purchase is worth to the retailer."""
    week_start: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = "monday"
    """With which day the weeks of KPIs begin."""
    first_response_hours: Annotated[float, Field(gt=0, le=8760)] = 24.0
    """Within which a service case is to be answered first."""
    complaint_risk: Annotated[float, Field(ge=0, le=1)] = COMPLAINT_RISK
    """The share of customers whom a complaint that stays open loses: what settling one is worth by."""
    typical_order: Annotated[float, Field(gt=0)] = 100.0
    """A usual order in major units: what someone who has not bought yet may spend."""
    value_high_share: Annotated[float, Field(ge=0, le=1)] = 0.6
    """The most valuable customers who together hold this share of all expected spend are in the value tier `high`."""
    value_medium_share: Annotated[float, Field(ge=0, le=1)] = 0.3
    """The next ones, who hold this share of it, are in the tier `medium`; the others in `low`."""
    audit_attribute: Annotated[str, Field(max_length=64)] = ""
    """Member of the data of `customer.identified` by whose values the fairness of policies is audited, and nothing else
    is done: `gender`; `birthday` by age; none: value tiers alone."""
    stages: Annotated[StagePolicy, NoDecode] = StagePolicy()
    """Thresholds of the stage policy, as JSON: `{"mature_orders": 8}`."""
    offers: Annotated[OfferPolicy, NoDecode] = OfferPolicy()
    """How deep offers go, and their guard rails, as JSON: `{"margin_floor": 0.15}`."""
    offer_hours: Annotated[int, Field(ge=0, le=8760)] = 24
    """How often it is learned from a sample of customers how much is bought on discount; 0: never."""
    identity_key: str | None = None
    """Secret that keys the hashes of identifiers; none: one is made and kept under `home`."""
    former_identity_keys: Annotated[str | None, AfterValidator(_check_keys)] = None
    """The one before it, or several as a JSON list, the latest first: who is known by them is still found."""
    arms_key: str | None = None
    """Secret by which persons have their arms; none: the identity key that was the first."""
    audit_days: Annotated[int, Field(ge=0, le=36_500)] = 400
    """How long it is kept who read, changed, exported and erased what; 0: it is not recorded."""
    audit_key: str | None = None
    """Secret that seals the audit, and keys its hashes of ids; none: that of `arms_key`."""
    shopify_secrets: str | None = None
    """With which Shopify signs its webhooks: one, or several as a JSON list; none: none is taken."""
    shopify_erases: bool = True
    """Whether `customers/redact` of Shopify erases whom it names; else it is kept with the customer and logged."""
    woocommerce_secrets: str | None = None
    """The same of WooCommerce."""
    model_max_age_days: Annotated[int, Field(ge=1)] = 120
    """A model trained longer ago makes /health warn."""
    retrain: Annotated[int, Field(ge=0, le=3650)] = 0
    """Days between retrainings from the database's real events; 0: never."""
    calendar: Calendar | None = None
    """Country whose trade is the prior of the season, for a shop in its first year; none: the shop's own alone."""
    spark_master: str = "local[*]"
    """Where '--engine spark' computes: this machine, or a cluster's master."""
    spark_directory: Path | None = None
    """Through which events are handed to Spark: every machine of a cluster must see it; none: a temporary one."""
    sweep_minutes: Annotated[int, Field(ge=0)] = 60
    """How often the running service looks for the stages that silence changed; 0: never."""
    monitoring_hours: Annotated[int, Field(ge=0, le=8760)] = 24
    """How often models are asked of a sample of customers, and compared with what came; 0: never."""
    warning_risk: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Churn risk from which a customer is warned of."""
    recommendation_days: Annotated[int, Field(ge=1, le=3650)] = 400
    """After which what was recommended is forgotten; what was bought of it stays an order as always."""
    retention: Annotated[str, AfterValidator(_check_retention)] = ""
    """How long what is kept, by kind: `rejected=90d, receipts=2y`; what is not named, for ever."""
    rejected_warn: Annotated[int, Field(ge=1, le=10_000)] = 1000
    """From so many rejected events on, /health warns."""
    metrics_open: bool = False
    """Whether /metrics answers without a key; else it wants one with the scope `read`."""
    health_open: bool = True
    """Whether /health tells its checks without a key; else it says the status alone to who has none of scope `read`."""
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes that serve, one event loop each."""
    connections: Annotated[int, Field(ge=16, le=1_000_000)] = 8192
    """Most connections of clients to a worker at once; fewer where the system allows fewer open files."""
    connections_per_address: Annotated[int, Field(ge=1)] | None = None
    """Of these, most of one address (of IPv6 one /64); none: seven eighths, as a proxy or a shop behind one needs."""
    strangers: Annotated[int, Field(ge=10, le=10_000_000)] = 200
    """Requests a second without a valid key that a worker answers; of probes more, of documents fewer."""
    wrong_keys: Annotated[int, Field(ge=1, le=10_000_000)] = 20
    """Of one address within a minute; then its wrong keys are answered 429. Valid ones are taken all the same."""
    docs_open: bool = True
    """Whether /docs, /redoc and /openapi.json are there."""
    drain_seconds: Annotated[float, Field(ge=0, le=15)] = 3.0
    """How long requests are still taken after SIGTERM, while /readyz already says 503."""
    log_level: Annotated[str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"
    gather_limit: Annotated[int, Field(ge=1, le=10_000)] = 256
    """Most requests that go together as one statement."""
    patience_ms: Annotated[int, Field(ge=50, le=60_000)] = 400
    """After which a request of one customer that waits for the database is told to come again (503)."""
    deadline_allowance_ms: Annotated[int, Field(ge=2, le=30_000)] = 100
    """By how much an answer may come after its request's `deadline_ms`; of the patience at most half."""
    queue_limit: Annotated[int, Field(ge=1)] = 4096
    """Most requests that may wait for the database; the next one is refused at once with 503."""

    key_units: Annotated[float, Field(ge=0)] = 20_000
    """Units a second of one key in one worker, five seconds' worth at once; a checkout costs none. 0: no limit."""

    @field_validator("ids_are_phones")
    @classmethod
    def _check_country(cls, given: bool, told: ValidationInfo) -> bool:
        if given and not told.data.get("country_code"):
            raise ValueError("phones have a country: set PERENNIAL_COUNTRY_CODE")
        return given

    @property
    def models_directory(self) -> Path:
        """Where artefacts are written, with all their files; what serves is in the registry."""
        return self.home / "models"

    @property
    def digits(self) -> int:
        """Decimal digits of the currency's minor unit."""
        return minor_digits(self.currency)

    @property
    def kept_for(self) -> Retention:
        """How long what is kept."""
        return read_retention(self.retention)

    @property
    def value_shares(self) -> ValueShares:
        """Of the value tiers."""
        return ValueShares(self.value_high_share, self.value_medium_share)

    @property
    def decision_policy(self) -> Policy:
        """Shares of the arms, exploration, margin, and what an open complaint puts at stake."""
        return Policy(self.control_share, self.exploration, self.margin, self.complaint_risk, self.usual_share)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Nothing but what it is made with: a test or a benchmark is not changed by where it runs."""
        return (init_settings,)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Raises UnusableSettings for a value out of bounds and for a name that is none of ours."""
        ours = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in environment.items()
            if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX) and value != ""
        }
        for former, name in FORMER_NAMES.items():
            if former in ours and name in ours:
                raise UnusableSettings(f"{_variable(former)} is now {_variable(name)}: give one of them.")
            if former in ours:
                ours[name] = ours.pop(former)
        if unknown := sorted(ours.keys() - cls.model_fields.keys()):
            known = ", ".join(map(_variable, cls.model_fields))
            raise UnusableSettings(f"{_variable(unknown[0])} is no setting; there are {known}.")
        try:
            return cls(**_Variables(cls, ours)())
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            within = [name for name, policy in _POLICIES.items() if error.title == policy.__name__]
            place = [*within, *first["loc"]]
            name = ": ".join([_variable(str(place[0])), *map(str, place[1:])])
            raise UnusableSettings(f"{name}: {first['msg']}") from error


class _Variables(EnvSettingsSource):
    """Variables by the names of fields, of this environment rather than the process's."""

    def __init__(self, settings_cls: type[Settings], by_field: Mapping[str, str]) -> None:
        super().__init__(settings_cls)
        self.env_vars = {_variable(name).lower(): value for name, value in by_field.items()}

    def __call__(self) -> dict[str, Any]:
        """Raises ValidationError for a text of a policy that is none."""
        found = super().__call__()
        given = {name: policy for name, policy in _POLICIES.items() if name in found}
        return {
            **found,
            **{name: TypeAdapter(policy).validate_json(found[name]) for name, policy in given.items()},
        }


def _variable(field: str) -> str:
    return PREFIX + field.upper()
