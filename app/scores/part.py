"""Scores as the service runs them."""

from app.http.resources import Part, Resources
from app.models.held import Models
from app.scores.held import Scores
from app.scores.prospects_router import router as prospects_router
from app.scores.router import router
from app.scores.schemas import ScoreBatchIn


def _build(resources: Resources) -> None:
    resources.hold(Scores(resources.settings, resources.of(Models)))


PART = Part("scores", routers=(router, prospects_router), schemas=(ScoreBatchIn,), build=_build)
