"""Feedback as the service runs it."""

from app.feedback.router import hot_router, router
from app.feedback.schemas import TextsIn
from app.http.resources import Part

PART = Part("feedback", routers=(router, hot_router), schemas=(TextsIn,))
