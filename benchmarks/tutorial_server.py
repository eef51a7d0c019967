"""A checkout as tutorials write it, for comparison only: ORM read-modify-write and scikit-learn.

`app` has a plain function and a Session a request, as FastAPI's own tutorial on SQL databases; `async_app` is what
its readers write next, an AsyncSession in the event loop. The rest is the same.

It keeps the first promise of the service's checkout: the event counts once, is scored, and an action is
chosen that was not offered of late, with a receipt. A repeat is answered 409, where the service gives its first
answer again. Written with care: one transaction, the customer's row locked, indexes, a pool, one prediction.
Reads DATABASE_URL from the environment and makes its tables when it starts.
"""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import joblib
import numpy as np
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from sklearn.ensemble import HistGradientBoostingClassifier
from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKey,
    Numeric,
    UniqueConstraint,
    create_engine,
    make_url,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

URL = make_url(os.environ["DATABASE_URL"])
POOL = {"pool_size": 5, "max_overflow": 15}
engine = create_engine(URL.set(drivername="postgresql+psycopg"), **POOL)
async_engine = create_async_engine(URL.set(drivername="postgresql+asyncpg"), **POOL)
make_session = sessionmaker(engine, expire_on_commit=False)
make_async_session = async_sessionmaker(async_engine, expire_on_commit=False)

FEATURES = 10
TREES = 100
DAY_S = 86_400.0


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customers"

    id: Mapped[str] = mapped_column(primary_key=True)
    orders: Mapped[int]
    store_orders: Mapped[int]
    items: Mapped[int]
    spend: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    discount: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    first_order_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_order_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Event(Base):
    __tablename__ = "events"
    __table_args__ = (UniqueConstraint("source", "event_id"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    source: Mapped[str]
    event_id: Mapped[str]
    type: Mapped[str]
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), index=True)
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)


class Decision(Base):
    __tablename__ = "decisions"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), index=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"), unique=True)
    action_id: Mapped[str | None]
    decided_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    receipt: Mapped[dict[str, Any]] = mapped_column(JSON)


class ProductIn(BaseModel):
    product_id: str
    category: str | None = None
    price: Decimal
    quantity: int = 1


class OrderIn(BaseModel):
    order_id: str
    currency: str
    total: Decimal
    discount: Decimal = Decimal(0)
    channel: str
    products: list[ProductIn]


class EventIn(BaseModel):
    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: OrderIn


class CheckoutIn(BaseModel):
    event: EventIn
    channel: str
    max_actions: int = Field(1, ge=1, le=10)
    deadline_ms: int = 200


class ActionOut(BaseModel):
    action_id: str
    title: str


class CheckoutOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    status: str
    customer_id: str
    orders: int
    spend: Decimal
    churn_risk: float
    stage: str
    actions: list[ActionOut]


def load_classifier() -> HistGradientBoostingClassifier:
    """Fitted on random rows, then written and read with joblib, as a trained model would come."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(2_000, FEATURES))
    churned = rows[:, 0] + rows[:, 1] * rows[:, 2] + generator.normal(size=len(rows)) > 0
    fitted = HistGradientBoostingClassifier(max_iter=TREES, early_stopping=False, random_state=0)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.joblib"
        joblib.dump(fitted.fit(rows, churned), path)
        return joblib.load(path)


classifier = load_classifier()


def new_customer(event: EventIn) -> Customer:
    return Customer(
        id=event.subject,
        orders=0,
        store_orders=0,
        items=0,
        spend=Decimal(0),
        discount=Decimal(0),
        first_order_at=event.time,
        last_order_at=event.time,
    )


def add_order(customer: Customer, event: EventIn) -> None:
    order = event.data
    customer.orders += 1
    customer.store_orders += order.channel == "store"
    customer.items += sum(product.quantity for product in order.products)
    customer.spend += order.total
    customer.discount += order.discount
    customer.first_order_at = min(customer.first_order_at, event.time)
    customer.last_order_at = max(customer.last_order_at, event.time)


def event_row(event: EventIn) -> Event:
    return Event(
        source=event.source,
        event_id=event.id,
        type=event.type,
        customer_id=event.subject,
        occurred_at=event.time,
        data=event.data.model_dump(mode="json"),
    )


def churn_risk(customer: Customer) -> float:
    now = datetime.now(UTC)
    recency_days = (now - customer.last_order_at).total_seconds() / DAY_S
    tenure_days = (now - customer.first_order_at).total_seconds() / DAY_S
    spend, orders = float(customer.spend), customer.orders
    row = [
        recency_days,
        tenure_days,
        orders,
        spend,
        spend / orders,
        customer.items / orders,
        customer.store_orders / orders,
        float(customer.discount) / max(spend, 1.0),
        (tenure_days - recency_days) / max(orders - 1, 1),
        recency_days / max(tenure_days, 1.0),
    ]
    return float(classifier.predict_proba(np.array([row]))[0, 1])


def stage_of(customer: Customer, risk: float) -> str:
    if risk > 0.8:
        return "declining"
    return "new" if customer.orders == 1 else "growing" if customer.orders < 6 else "mature"


ACTIONS = {
    "new": ActionOut(action_id="second-order-coupon", title="Coupon for the second order"),
    "growing": ActionOut(action_id="points-multiplier", title="Double points this week"),
    "mature": ActionOut(action_id="early-access", title="Early access to the sale"),
    "declining": ActionOut(action_id="win-back", title="We miss you: 10 % off"),
}
COOL_DOWN = timedelta(days=30)


def choose_action(session: Session, customer: Customer, stage: str) -> ActionOut | None:
    """The stage's action, unless it was offered of late."""
    since = datetime.now(UTC) - COOL_DOWN
    of_late = select(Decision.action_id).where(Decision.customer_id == customer.id, Decision.decided_at > since)
    offered = set(session.scalars(of_late))
    return None if ACTIONS[stage].action_id in offered else ACTIONS[stage]


def count(session: Session, checkout: CheckoutIn) -> CheckoutOut:
    """One transaction."""
    event = checkout.event
    customer = session.get(Customer, event.subject, with_for_update=True)
    if customer is None:
        customer = new_customer(event)
        session.add(customer)
    add_order(customer, event)
    row = event_row(event)
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise HTTPException(409, "The event is known, or its customer is being added.") from error
    risk = churn_risk(customer)
    stage = stage_of(customer, risk)
    action = choose_action(session, customer, stage) if checkout.max_actions else None
    session.add(
        Decision(
            customer_id=customer.id,
            event_id=row.id,
            action_id=action.action_id if action else None,
            decided_at=datetime.now(UTC),
            receipt={"stage": stage, "churn_risk": risk, "channel": checkout.channel},
        )
    )
    session.commit()
    return CheckoutOut(
        status="accepted",
        customer_id=customer.id,
        orders=customer.orders,
        spend=customer.spend,
        churn_risk=risk,
        stage=stage,
        actions=[action] if action else [],
    )


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with async_engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await async_engine.dispose()
    engine.dispose()


def get_session() -> Iterator[Session]:
    with make_session() as session:
        yield session


async def get_async_session() -> AsyncIterator[AsyncSession]:
    async with make_async_session() as session:
        yield session


app = FastAPI(lifespan=lifespan)
async_app = FastAPI(lifespan=lifespan)


@app.post("/v1/checkouts", response_model=CheckoutOut)
def check_out(checkout: CheckoutIn, session: Annotated[Session, Depends(get_session)]) -> CheckoutOut:
    return count(session, checkout)


@async_app.post("/v1/checkouts", response_model=CheckoutOut)
async def check_out_async(
    checkout: CheckoutIn, session: Annotated[AsyncSession, Depends(get_async_session)]
) -> CheckoutOut:
    return await session.run_sync(count, checkout)
