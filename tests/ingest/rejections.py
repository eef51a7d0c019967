"""Refused events in tests: where they are, what is asked of them."""

REJECTED = "/v1/events/rejected"
REPLAY = "/v1/events/rejected:replay"
CONFLICT = "urn:perennial:problem:conflict"
MALFORMED = "urn:perennial:problem:malformed"
CANARY = "kanarienvogel@example.com"


async def listed(client, **params):
    response = await client.get(REJECTED, params=params)
    assert response.status_code == 200
    return response.json()


async def replay(client, rejected_id, **options):
    return await client.post(f"{REJECTED}/{rejected_id}:replay", **options)


async def kept_ids(sql):
    return [row["rejected_id"] for row in await sql.rows("SELECT rejected_id FROM rejected_events ORDER BY 1")]
