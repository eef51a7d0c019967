import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.database.engine import Driver
from app.http.problems import install_handlers
from app.stages.router import router
from tests.stages.book import Book


@pytest.fixture
async def book(sql, engine):
    """The record, on empty tables."""
    async with engine.begin() as connection:
        await connection.execute(text("TRUNCATE stages, stage_transitions, sweeps, links, persons"))
    driver = Driver(engine)
    yield Book(sql, engine, driver)
    await driver.close()


@pytest.fixture
async def client(service, book):
    """A client of an application that has the routes of stages alone."""
    app = FastAPI()
    install_handlers(app)
    app.include_router(router)
    app.state.resources = service.resources
    headers = {"Authorization": f"Bearer {service.key}"}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        yield client
