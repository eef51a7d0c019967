"""The least a JSON service can do with a checkout: read the body, parse it, answer a few fields."""

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def check_out(request: Request) -> Response:
    checkout = orjson.loads(await request.body())
    answer = {"status": "accepted", "customer_id": checkout["event"]["subject"], "actions": []}
    return Response(orjson.dumps(answer), media_type="application/json")


async def ready(_: Request) -> Response:
    return Response(b"{}", media_type="application/json")


app = Starlette(routes=[Route("/v1/checkouts", check_out, methods=["POST"]), Route("/readyz", ready)])
