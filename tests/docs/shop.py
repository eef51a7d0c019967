"""The demo shop, small: `python -m tests.docs.shop`, on the database of the settings.

In their home directory it leaves what a reader has of their own: orders as a file, and a model made elsewhere.
"""

import asyncio
import csv
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from app.database.schema import migrate
from app.foundation.settings import Settings
from app.lifecycle.events import ORDER_COMPLETED
from app.models.artefact import MANIFEST, canonical_manifest
from app.models.kinds import SCORE, SENTIMENT
from ml.demo import preparing
from ml.demo.simulate import simulate

CUSTOMERS, DAYS = 300, 430
"""Just enough to learn trees from."""


def fill(settings: Settings) -> None:
    """As `perennial demo` does, but for recommendations: the pages show how to train them, and answers without."""
    assert settings.database_url is not None
    migrate(settings.database_url)
    with mock.patch.multiple(preparing, CUSTOMERS=CUSTOMERS, DAYS=DAYS, TRAINED=(SCORE, SENTIMENT)):
        asyncio.run(preparing.prepare_demo(settings.database_url, settings))


def write_orders(path: Path) -> None:
    """The shop's orders, as a file for import and evaluation."""
    events = simulate(preparing.SEED, CUSTOMERS, datetime.now(UTC), DAYS)
    with path.open("w", newline="") as file:
        written = csv.writer(file)
        written.writerow(["customer_id", "order_id", "time", "amount"])
        for event in events:
            if event["type"] == ORDER_COMPLETED:
                written.writerow([event["subject"], event["data"]["order_id"], event["time"], event["data"]["total"]])


def write_other_model(models: Path, elsewhere: Path) -> None:
    """The model of the shop under another version."""
    (made,) = models.glob("demo-churn-*")
    version = f"{made.name[:-8]}00000000"
    shutil.copytree(made, elsewhere / version)
    manifest = json.loads((made / MANIFEST).read_text())
    (elsewhere / version / MANIFEST).write_bytes(canonical_manifest({**manifest, "version": version}))


if __name__ == "__main__":
    settings = Settings.from_environment()
    fill(settings)
    write_orders(settings.home / "shop.csv")
    write_other_model(settings.models_directory, settings.home / "elsewhere")
