"""Settings from the environment: what is taken, and the sentences about what is not."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.foundation.errors import UnusableSettings
from app.foundation.settings import Settings
from app.lifecycle.stages import StagePolicy

SENTENCES = {
    "PERENNIAL_PORT: Input should be less than or equal to 65535": {"PERENNIAL_PORT": "70000"},
    "PERENNIAL_WORKERS: Input should be a valid integer, unable to parse string as an integer": {
        "PERENNIAL_WORKERS": "two"
    },
    "PERENNIAL_CURRENCY: String should match pattern '^[A-Z]{3}$'": {"PERENNIAL_CURRENCY": "yuan"},
    "PERENNIAL_STAGES: lost_risk: Input should be less than or equal to 1": {"PERENNIAL_STAGES": '{"lost_risk": 1.5}'},
    "PERENNIAL_OFFERS: margin_floor: Input should be less than 1": {"PERENNIAL_OFFERS": '{"margin_floor": 1}'},
    "PERENNIAL_OFFERS: Value error, steps do not ascend": {"PERENNIAL_OFFERS": '{"steps": [0.1, 0.05]}'},
    "PERENNIAL_STAGES: Input should be an object": {"PERENNIAL_STAGES": "[]"},
    "PERENNIAL_STAGES: Invalid JSON: expected value at line 1 column 1": {"PERENNIAL_STAGES": "mature_orders=8"},
}


def test_each_field_is_a_variable():
    given = {"HOME": "/srv/perennial", "WORKERS": "2", "MARGIN": "0.4", "METRICS_OPEN": "true", "RETRAIN": "30"}
    settings = Settings.from_environment({f"PERENNIAL_{name}": value for name, value in given.items()})
    assert (settings.home, settings.workers, settings.margin) == (Path("/srv/perennial"), 2, 0.4)
    assert (settings.metrics_open, settings.retrain) == (True, 30)
    assert Settings.from_environment({"PERENNIAL_STAGES": '{"mature_orders": 8}'}).stages.mature_orders == 8
    assert Settings.from_environment({"PERENNIAL_OFFERS": '{"steps": [0.1]}'}).offers.steps == (0.1,)


def test_what_is_not_given_or_empty_is_the_default():
    assert Settings.from_environment({}) == Settings.from_environment({"PERENNIAL_PORT": "", "PERENNIAL_STAGES": ""})
    assert Settings.from_environment({}) == Settings()
    assert Settings().stages == StagePolicy()


@pytest.mark.parametrize(("sentence", "environment"), SENTENCES.items(), ids=SENTENCES)
def test_what_cannot_be_used_is_refused_in_a_sentence_that_names_it(sentence, environment):
    with pytest.raises(UnusableSettings) as refused:
        Settings.from_environment(environment)
    assert str(refused.value) == sentence


def test_a_name_that_is_none_is_refused_with_those_there_are():
    with pytest.raises(UnusableSettings) as refused:
        Settings.from_environment({"PERENNIAL_PROT": "8000"})
    told, _, listed = str(refused.value).removesuffix(".").partition("; there are ")
    assert told == "PERENNIAL_PROT is no setting"
    assert listed.split(", ") == [f"PERENNIAL_{name.upper()}" for name in Settings.model_fields]


def test_variables_of_others_and_of_tests_are_left_alone():
    others = {"PERENNIAL_TEST_X": "1", "PORT": "70000", "APP_PERENNIAL_PORT": "70000", "perennial_port": "1"}
    assert Settings.from_environment(others) == Settings()


def test_only_the_environment_that_is_given_is_read(monkeypatch):
    monkeypatch.setenv("PERENNIAL_PORT", "1")
    assert (Settings().port, Settings(port=3).port, Settings.from_environment({}).port) == (8000, 3, 8000)
    assert Settings.from_environment({"PERENNIAL_WORKERS": "2"}).port == 8000
    with pytest.raises(ValidationError):
        Settings(prot=1)  # type: ignore[call-arg]  # there is no such setting
    with pytest.raises(ValidationError):
        setattr(Settings(), "port", 2)  # noqa: B010 - an assignment is what the type checker refuses


def test_a_former_name_is_taken_for_the_present_one():
    assert Settings.from_environment({"PERENNIAL_WATCH_HOURS": "6"}).monitoring_hours == 6
    assert (
        Settings.from_environment({"PERENNIAL_MONITORING_HOURS": "6", "PERENNIAL_WATCH_HOURS": ""}).monitoring_hours
        == 6
    )
    with pytest.raises(UnusableSettings, match=r"^PERENNIAL_MONITORING_HOURS: .*8760$"):
        Settings.from_environment({"PERENNIAL_WATCH_HOURS": "9000"})


def test_both_names_of_one_setting_are_refused():
    with pytest.raises(UnusableSettings) as refused:
        Settings.from_environment({"PERENNIAL_WATCH_HOURS": "6", "PERENNIAL_MONITORING_HOURS": "6"})
    assert str(refused.value) == "PERENNIAL_WATCH_HOURS is now PERENNIAL_MONITORING_HOURS: give one of them."
