"""What persons may ask of the service, as it runs it."""

from app.http.resources import Part
from app.privacy.router import router

PART = Part("privacy", routers=(router,))
