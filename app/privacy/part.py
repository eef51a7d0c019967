"""What persons may ask of the service, as it runs it."""

from app.http.resources import BackgroundTask, Part
from app.lifecycle.tombstones import Tombstones
from app.privacy.erasure import keep_settling
from app.privacy.router import router

_SETTLING = BackgroundTask("erasures", lambda resources: keep_settling(resources.surveys, resources.of(Tombstones)))

PART = Part("privacy", routers=(router,), background=(_SETTLING,))
