"""The software bill of materials of the image's Python packages, as CycloneDX JSON: `python deploy/sbom.py [FILE]`.

What there is, its hashes and what asks for it are read from the lock alone; licences from the environment that this
runs in, whose versions must be the lock's. The same lock makes the same bytes.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageMetadata, metadata
from pathlib import Path
from typing import Final, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT: Final = Path(__file__).resolve().parent.parent
LOCK: Final = ROOT / "requirements-server.lock"
WRITTEN: Final = ROOT / "deploy" / "sbom.cdx.json"
_PIN: Final = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;]+)")


class Pin(NamedTuple):
    """A package of the lock; `asked_for_by`: names of packages, `perennial` among them."""

    name: str
    version: str
    sha256: tuple[str, ...]
    asked_for_by: tuple[str, ...]


def read_lock(text: str) -> Iterator[Pin]:
    """What `uv pip compile --generate-hashes` wrote."""
    for entry in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE):
        if (pinned := _PIN.match(entry)) is not None:
            asking = re.findall(r"^ +# +(?:via )?([a-z0-9][a-z0-9._-]*)", entry, re.MULTILINE)
            by = tuple(sorted({name for name in asking if name != "via"}))
            yield Pin(pinned[1], pinned[2], tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)), by)


def write_sbom(lock: str, version: str) -> str:
    """The document. Raises LookupError where the environment has another version than the lock."""
    pins = list(read_lock(lock))
    root = Component(name="perennial", version=version, type=ComponentType.APPLICATION, bom_ref="perennial")
    root.licenses.add(_licence("Apache-2.0"))
    components = {pin.name: _component(pin) for pin in pins}
    bom = Bom(components=components.values(), serial_number=uuid5(NAMESPACE_URL, f"perennial {version}\n{lock}"))
    bom.metadata.component = root
    for name, asked in {"perennial": root, **components}.items():
        bom.register_dependency(asked, [components[pin.name] for pin in pins if name in pin.asked_for_by])
    bom.metadata.timestamp = None  # type: ignore[assignment,unused-ignore]
    written: str = JsonV1Dot6(bom).output_as_string(indent=1)
    return f"{written}\n"


def _component(pin: Pin) -> Component:
    """Hashes are of its files, of which the image has one."""
    purl = PackageURL("pypi", None, pin.name, pin.version)
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=sha256) for sha256 in pin.sha256]
    files = ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(str(purl)), hashes=hashes)
    return Component(
        name=pin.name,
        version=pin.version,
        type=ComponentType("library"),
        bom_ref=str(purl),
        purl=purl,
        licenses=[_licence(_told_licence(pin))],
        external_references=[files],
    )


def _told_licence(pin: Pin) -> str:
    told = metadata(pin.name)
    if told["Version"] != pin.version:
        raise LookupError(f"{pin.name} is here in {told['Version']}, and the lock has {pin.version}.")
    named = next((told[field] for field in ("License-Expression", "License") if field in told), None)
    named = named or _classified(told)
    if not named:
        raise LookupError(f"{pin.name} does not say its licence.")
    return named.splitlines()[0].strip()


def _classified(told: PackageMetadata) -> str:
    found = [one for one in told.get_all("Classifier") or () if one.startswith("License ::")]
    return " AND ".join(one.rpartition(" :: ")[2].removesuffix(" License") for one in found)


def _licence(named: str) -> License:
    """By SPDX where it is one of its names or expressions."""
    return LicenseFactory().make_from_string(named.removesuffix(" License"))


def main() -> None:
    """Writes it where it is told to, else beside this file."""
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else WRITTEN
    path.write_text(write_sbom(LOCK.read_text(), version[1]))


if __name__ == "__main__":
    main()
