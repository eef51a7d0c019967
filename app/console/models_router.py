"""Models: which serves, how good each was on its hold-out, what changed and why; put in force and taken back."""

from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import Response

from app.console.charts import draw_bars
from app.console.pages import PageRequest, PageRoute, lead_to
from app.monitoring.reports import GREAT_DRIFT

PATH: Final = "/v1/models"
PAGE: Final = "/console/models"
OURS: Final = "perennial"
MOST_BARS: Final = 12

router = APIRouter(prefix="/console", route_class=PageRoute, include_in_schema=False)


@router.get("/models")
async def get_models(request: PageRequest) -> Response:
    """The latest registered first; what serves of each kind can be taken back."""
    models = (await request.api.get(PATH))["models"]
    serving = [each for each in models if each["state"] == "champion"]
    return await request.draw("models.html", models=models, serving=serving, call=PATH)


@router.get("/model")
async def get_model(request: PageRequest) -> Response:
    """One, with its measures beside those of every comparator."""
    call = _path_of(request.query_params.get("version", ""))
    model = await request.api.get(call)
    drift = next((each for each in model["reports"] if each["kind"] == "drift"), None)
    moved = list_drift(drift["report"]) if drift else []
    return await request.draw(
        "model.html",
        model=model,
        tables=list_measures(model["metrics"]),
        ours=OURS,
        call=call,
        drift=drift,
        moved=moved,
        bars=list(zip(moved[:MOST_BARS], draw_bars([index for _, index, _ in moved[:MOST_BARS]]), strict=True)),
        great=GREAT_DRIFT,
    )


@router.post("/model/promote")
async def post_promotion(request: PageRequest) -> Response:
    """Puts it in force, with a reason."""
    form = await request.read_form()
    version = form.get("version", "")
    await request.api.post(f"{_path_of(version)}:promote", {"reason": form.get("reason", "")})
    return lead_to(f"/console/model?version={quote(version, safe='')}")


@router.post("/models/rollback")
async def post_rollback(request: PageRequest) -> Response:
    """Back to the one before, of a kind, with a reason."""
    form = await request.read_form()
    await request.api.post(f"{PATH}:rollback", {"kind": form.get("kind", ""), "reason": form.get("reason", "")})
    return lead_to(PAGE)


def _path_of(version: str) -> str:
    return f"{PATH}/{quote(version, safe='')}"


def list_drift(report: dict[str, Any]) -> list[tuple[str, float, float | None]]:
    """(feature, index, weight of it in the score), the farthest moved first."""
    psi, weights = report.get("psi") or {}, report.get("weights") or {}
    return sorted(((name, index, weights.get(name)) for name, index in psi.items()), key=lambda row: -row[1])


def list_measures(metrics: dict[str, Any]) -> list[tuple[str, list[str], list[tuple[str, list[float | None]]]]]:
    """(target, names of measures, (model, its measures) ours first) of each target that was measured on a hold-out."""
    tables = []
    for target, told in metrics.items():
        models = told.get("models") if isinstance(told, dict) else None
        if not isinstance(models, dict) or not models:
            continue
        names = sorted({name for each in models.values() for name in each})
        rows = [(name, [models[name].get(measure) for measure in names]) for name in models]
        rows.sort(key=lambda row: row[0] != OURS)
        tables.append((target, names, rows))
    return tables
