"""What is shipped is said and pinned: the bill of materials is the lock's, and images are named by their digests."""

import json
import re
from pathlib import Path

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy.sbom import LOCK, WRITTEN, read_lock, write_sbom

ROOT = Path(__file__).resolve().parent.parent
BY_DIGEST = re.compile(r"^[a-z0-9./_-]+:[A-Za-z0-9._-]+@sha256:[0-9a-f]{64}$")
"""With the tag, for whoever reads it; the digest is what counts."""


@pytest.fixture(scope="module")
def sbom():
    return json.loads(WRITTEN.read_text())


def test_the_bill_of_materials_is_of_this_lock(sbom):
    version = sbom["metadata"]["component"]["version"]
    assert WRITTEN.read_text() == write_sbom(LOCK.read_text(), version), "The lock has changed: make sbom"


def test_the_bill_of_materials_follows_the_schema():
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(WRITTEN.read_text())
    assert problem is None


def test_each_package_has_its_version_hashes_and_licence(sbom):
    pinned = {pin.name: pin for pin in read_lock(LOCK.read_text())}
    assert len(pinned) > 30
    assert {component["name"] for component in sbom["components"]} == pinned.keys()
    for component in sbom["components"]:
        pin = pinned[component["name"]]
        (files,) = component["externalReferences"]
        assert component["purl"] == f"pkg:pypi/{pin.name}@{pin.version}"
        assert {each["content"] for each in files["hashes"]} == {*pin.sha256}
        assert component["licenses"], component["name"]


def test_all_that_is_there_is_asked_for(sbom):
    """From the service down, by what asks for what."""
    asks = {one["ref"]: one.get("dependsOn", []) for one in sbom["dependencies"]}
    reached, coming = set(), ["perennial"]
    while coming:
        name = coming.pop()
        coming += [other for other in asks[name] if other not in reached]
        reached.add(name)
    assert reached == {"perennial", *(component["bom-ref"] for component in sbom["components"])}


def test_the_bill_of_materials_names_no_registry_and_is_in_the_image():
    hosts = {
        re.sub(r"^https?://", "", found).split("/")[0] for found in re.findall(r"https?://[^\"]+", WRITTEN.read_text())
    }
    assert hosts == {"cyclonedx.org"}, "of the schema"
    assert re.search(r"^COPY .*deploy/sbom\.cdx\.json", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_images_are_named_by_digest():
    dockerfile = (ROOT / "Dockerfile").read_text()
    (python,) = re.findall(r"^ARG PYTHON=(\S+)$", dockerfile, re.MULTILINE)
    assert BY_DIGEST.match(python)
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"${PYTHON}"}
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    named = {service["image"] for service in services.values() if "build" not in service}
    assert len(named) == 3
    for image in named:
        assert BY_DIGEST.match(image), image
