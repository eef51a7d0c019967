"""What persons may ask of the service, and how long it keeps what, as it runs it."""

from collections.abc import Coroutine
from typing import Any

from app.http.resources import BackgroundTask, Part, Resources
from app.ingest.intake import Intake
from app.ingest.left_keys import LeftKeys
from app.lifecycle.tombstones import Tombstones
from app.privacy.erasure import keep_settling
from app.privacy.redacting import make_redactor
from app.privacy.renaming import keep_hashed
from app.privacy.retention import check_retention, keep_retaining, retention_gauges
from app.privacy.router import router


def _build(resources: Resources) -> None:
    resources.hold(make_redactor(resources))


def _retaining(resources: Resources) -> Coroutine[Any, Any, None] | None:
    kept_for = resources.settings.kept_for
    keys = LeftKeys(resources.of(Intake).rules.lasting_key)
    return keep_retaining(resources.surveys, keys, kept_for) if kept_for.limits_anything else None


_SETTLING = BackgroundTask("erasures", lambda resources: keep_settling(resources.surveys, resources.of(Tombstones)))

_HASHING = BackgroundTask("plain ids", lambda resources: keep_hashed(resources.surveys, resources.of(Intake).rules))

PART = Part(
    "privacy",
    routers=(router,),
    build=_build,
    background=(_SETTLING, _HASHING, BackgroundTask("retention", _retaining)),
    check_stored=check_retention,
    stored_gauges=retention_gauges,
)
