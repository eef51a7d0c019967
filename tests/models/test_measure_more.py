"""A version with a measure more serves the models of before; one that means something else by a feature does not."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app.lifecycle.definitions import FEATURE_DIGESTS, digest_together
from app.lifecycle.features import FEATURE_NAMES
from app.models.artefact import ArtefactRefused, canonical_manifest, is_servable, load_model
from app.models.releases import DIGESTS_THEN
from tests.lifecycle.forecasts import forecast_each

ROOT = Path(__file__).resolve().parent.parent.parent
(RELEASED,) = (Path(__file__).parent / "released").glob("churn-*")
"""As the release before this one wrote it: one digest for all features, and tables with edges for every other one."""
(THEN,) = DIGESTS_THEN

PROGRAM = """
import json, sys
from pathlib import Path
import numpy as np
from app.customers.state import CustomerState
from app.foundation.settings import Settings
from app.lifecycle.events import DAY_US, Event
from app.lifecycle.drift import psi
from app.lifecycle.features import FEATURE_NAMES, features
from app.lifecycle.measures import LATEST, NUMERIC, fold, numbers_of
from app.models.artefact import ArtefactRefused, is_servable, load_model
from app.monitoring.measuring import weigh_features
from app.scores.rendering import render_score
from app.scores.service import Scoring, score_states

directory = Path(sys.argv[1])
try:
    model = load_model(directory)
except ArtefactRefused as error:
    servable = is_servable(directory.name, (directory / "manifest.json").read_bytes())
    print(json.dumps({"refused": str(error), "servable": servable}))
    raise SystemExit
now_us, channels = 20_250 * DAY_US, ("store", "web")
states = []
for number in range(40):
    history = [
        Event(f"C-{number}", "/pos", str(at), "order.completed", now_us - (1 + number * at) * DAY_US, None,
              channels[at % 2], None, 5000 + 100 * at, 10 * number, at, 0, None, b"", "{}")
        for at in range(number % 7 + 1)
    ]
    state = fold(history)
    states.append(CustomerState(f"C-{number}", numbers_of(state), [None] * len(LATEST)))
scoring = Scoring.of(Settings.from_environment(), model)
each = [render_score(one, scoring, "en") for state in states for one in score_states([state], now_us, scoring)]
together = [render_score(one, scoring, "en") for one in score_states(states, now_us, scoring)]
rows = features(np.array([state.numbers for state in states], np.float64), float(now_us))
links = model.scorecard.links(rows, float(now_us)).tolist()
print(json.dumps({"each": each, "together": together, "links": links, "features": FEATURE_NAMES,
                  "psi": psi(model.drift, rows), "weights": weigh_features(model.scorecard, model.drift)}))
"""
MEASURE = '    _count("orders_store", _ORDER, ("channel", "store")),\n'
FEATURE = '    Feature("orders", "Orders", "orders", "orders"),\n'
SHARE = '    Feature("store_share", "Share of orders in the store", "ratio", "orders_store", per="orders"),\n'


def score_by(version, artefact):
    """What a version, the directory that has its `app/`, says of forty customers by a model."""
    command = [sys.executable, "-c", PROGRAM, str(artefact)]
    told = subprocess.run(command, cwd=version, capture_output=True, text=True, check=True)
    return json.loads(told.stdout)


@pytest.fixture
def make_version(tmp_path):
    """A copy of the program in which parts of declarations are others: (module, old, new)."""

    def make(*changes):
        version = tmp_path / "version"
        shutil.copytree(ROOT / "app", version / "app", ignore=shutil.ignore_patterns("__pycache__"))
        for module, old, new in changes:
            path = version / "app" / "lifecycle" / f"{module}.py"
            text = path.read_text()
            assert text.count(old) == 1
            path.write_text(text.replace(old, new))
        return version

    return make


def test_with_a_measure_and_features_more_the_scores_are_the_same(make_version):
    """A sum first of all, a time in the middle, a decayed sum without words, a plain feature and a quotient."""
    newer = make_version(
        ("measures", MEASURE, '    _count("orders_web", _ORDER, ("channel", "web")),\n' + MEASURE),
        (
            "measures",
            '    _last("last_visit_us"',
            '    _last("last_case_us", (e.CASE_OPENED,)),\n    _last("last_visit_us"',
        ),
        (
            "measures",
            '    *_decayed("visits"',
            '    *_decayed("points", "points", "points", (60,), (e.POINTS_EARNED,)),\n    *_decayed("visits"',
        ),
        (
            "features",
            FEATURE,
            '    Feature("orders_web", "Orders on the web", "orders", "orders_web"),\n'
            '    Feature("case_recency_days", "Days since the last case", "days", "days_since_last_case"),\n' + FEATURE,
        ),
        (
            "features",
            SHARE,
            '    Feature("web_share", "Share on the web", "ratio", "orders_web", per="orders"),\n' + SHARE,
        ),
    )
    before, after = score_by(ROOT, RELEASED), score_by(newer, RELEASED)
    added = {"orders_web", "case_recency_days", "web_share", "points_decayed_60d"}
    assert set(after["features"]) - set(before["features"]) == added
    for said in ("each", "together", "links", "psi"):
        assert after[said] == before[said], said
    assert {reason["feature"] for score in before["each"] for reason in score["reasons"]}
    assert {name: weight for name, weight in after["weights"].items() if name not in added} == before["weights"]
    assert {after["weights"][name] for name in added} == {0.0}


def test_with_a_target_more_the_models_of_before_say_what_they_said_and_nothing_of_it(make_version):
    more = 'Target("refunds", Link.LOG, "orders", "refunds", "Expected refunds in the horizon", "expected_refunds")'
    newer = make_version(("targets", "= (CHURN, ORDERS, SPEND", f"= (CHURN, ORDERS, SPEND, {more}"))
    before, after = score_by(ROOT, RELEASED), score_by(newer, RELEASED)
    for said in ("each", "together"):
        assert after[said] == [{**score, "expected_refunds": None} for score in before[said]], said
    assert [links[:3] for links in after["links"]] == [links[:3] for links in before["links"]]
    assert (after["psi"], after["weights"]) == (before["psi"], before["weights"])


def test_features_in_another_order_are_found_by_their_names(make_version):
    """But for the last bits: terms are added up in the order of the features."""
    swapped = make_version(
        ("features", FEATURE, ""),
        ("features", '    Feature("recency_days"', FEATURE + '    Feature("recency_days"'),
    )
    before, after = score_by(ROOT, RELEASED), score_by(swapped, RELEASED)
    assert before["features"] != after["features"]
    np.testing.assert_allclose(after["links"], before["links"], rtol=1e-12)
    assert after["psi"] == before["psi"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            ("features", SHARE, SHARE.replace('per="orders"', 'per="events"')),
            "another definition of the feature store_share",
        ),
        (
            ("features", SHARE, SHARE.replace("store_share", "shop_share")),
            "the feature store_share, which this version",
        ),
        (("measures", MEASURE, MEASURE.replace('"store")', '"app")')), "another definition of the feature store_share"),
        (("measures", '_last("last_event_us")', '_last("last_event_us", _ORDER)'), "of the feature orders_decayed_7d"),
        (("btyd", "A: Final = 0.3", "A: Final = 0.4"), "another definition of the feature lapse_chance"),
    ],
)
def test_a_feature_of_another_meaning_refuses_the_model_by_name(make_version, change, named):
    found = score_by(make_version(change), RELEASED)
    assert named in found["refused"]
    assert found["servable"] is False


def test_a_measure_of_another_meaning_that_no_feature_reads_refuses_nothing(make_version):
    points = '    _sum("points", "points", "points", e.POINTS_TYPES),\n'
    assert score_by(make_version(("measures", points, points.replace("e.POINTS_TYPES", "()"))), RELEASED)["links"]


def test_what_the_release_before_wrote_is_read(tmp_path):
    model = load_model(RELEASED)
    then = {name: float(at) for at, name in enumerate(NAMES_THEN)}
    row = [then.get(name, 0.0) for name in FEATURE_NAMES]
    assert tuple(DIGESTS_THEN[THEN]) == tuple(model.manifest["features"])
    assert is_servable(RELEASED.name, (RELEASED / "manifest.json").read_bytes())
    assert model.scorecard.forecast_one(row, 20_200.5 * 86_400e6)[:3] == pytest.approx(SAID_THEN, rel=1e-12)


SAID_THEN = (0.5164940131078767, 0.5764452000955987, 1.1975167048787512)
"""By the release itself."""


NAMES_THEN = tuple(DIGESTS_THEN[THEN])


def released_but_for(tmp_path, **members):
    """The model of the release before, with other members in its manifest."""
    directory = tmp_path / RELEASED.name
    shutil.copytree(RELEASED, directory)
    path = directory / "manifest.json"
    path.write_bytes(canonical_manifest(json.loads(path.read_bytes()) | members))
    return directory


def test_the_manifest_of_then_says_the_same_as_that_of_now(tmp_path):
    rows = np.random.default_rng(2).uniform(0, 100, (20, len(FEATURE_NAMES)))
    then = forecast_each(load_model(RELEASED).scorecard, rows, 0.0)
    told = {"feature_digest": digest_together(DIGESTS_THEN[THEN]), "feature_digests": DIGESTS_THEN[THEN]}
    assert forecast_each(load_model(released_but_for(tmp_path, **told)).scorecard, rows, 0.0) == then


@pytest.mark.parametrize(
    "members",
    [
        {"feature_digest": "0" * 64},
        {"feature_digest": None},
        {"features": NAMES_THEN[1:]},
        {"features": [*NAMES_THEN[1:], "another"]},
        {"features": [*NAMES_THEN[1:], NAMES_THEN[1]]},
        {"features": [*NAMES_THEN[1:], None]},
        {"features": "recency_days"},
        {"features": None},
    ],
)
def test_an_old_manifest_that_says_something_else_is_refused(tmp_path, members):
    with pytest.raises(ArtefactRefused, match="features of another definition"):
        load_model(released_but_for(tmp_path, **members))


def test_a_manifest_names_every_feature_and_what_it_means(make_artefact):
    manifest = json.loads((make_artefact() / "manifest.json").read_bytes())
    assert manifest["features"] == list(FEATURE_NAMES)
    assert manifest["feature_digests"] == FEATURE_DIGESTS


@pytest.mark.parametrize("digests", [{}, [], "x", {**FEATURE_DIGESTS, "more": "x"}, {**FEATURE_DIGESTS, "orders": "x"}])
def test_a_manifest_whose_digests_are_not_of_its_features_is_refused(make_artefact, tmp_path, digests):
    directory = make_artefact(into=tmp_path)
    path = directory / "manifest.json"
    path.write_bytes(canonical_manifest(json.loads(path.read_bytes()) | {"feature_digests": digests}))
    with pytest.raises(ArtefactRefused, match="features of another definition"):
        load_model(directory)


async def test_a_model_of_the_release_before_serves_from_the_registry(registry, make_artefact, tmp_path, sql):
    """It can be registered, gives way to nobody, and comes back by a rollback."""
    await registry.register(RELEASED)
    new = make_artefact()
    assert (await registry.register(new)).state == "challenger"
    assert await sql.value("SELECT feature_digest FROM models WHERE version = :v", v=RELEASED.name) == THEN
    await registry.promote(new.name)
    assert await registry.rollback() == (RELEASED.name, new.name)
