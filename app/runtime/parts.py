"""The parts of the service, from the highest to the lowest: a path is answered by the first that knows it."""

from typing import Final

from app.audit.part import PART as AUDIT
from app.checkout.part import PART as CHECKOUT
from app.console.part import PART as CONSOLE
from app.customers.part import PART as CUSTOMERS
from app.decisions.part import PART as DECISIONS
from app.feedback.part import PART as FEEDBACK
from app.http.resources import Part
from app.ingest.part import PART as INGEST
from app.items.part import PART as ITEMS
from app.kpis.part import PART as KPIS
from app.loyalty.part import PART as LOYALTY
from app.models.part import PART as MODELS
from app.monitoring.part import PART as MONITORING
from app.privacy.part import PART as PRIVACY
from app.recommendations.part import PART as RECOMMENDATIONS
from app.runtime.operations_router import PART as OPERATIONS
from app.scores.part import PART as SCORES
from app.stages.part import PART as STAGES

PARTS: Final[tuple[Part, ...]] = (
    *(
        CONSOLE,
        OPERATIONS,
        PRIVACY,
        AUDIT,
        CHECKOUT,
        KPIS,
        RECOMMENDATIONS,
        ITEMS,
        LOYALTY,
        DECISIONS,
        STAGES,
        FEEDBACK,
        MONITORING,
        SCORES,
        MODELS,
        CUSTOMERS,
        INGEST,
    ),
)
