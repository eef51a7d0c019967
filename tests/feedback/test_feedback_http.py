"""What customers answered, and how they feel, over HTTP."""

import asyncio

import pytest

from app.foundation.errors import Refusal


@pytest.fixture
async def learned(perennial, service, tmp_path):
    """A model of sentiment in force, learned of a file."""
    lines = [f"{word} {number},{label}" for number in range(30) for word, label in (("lovely", 1), ("awful", 0))]
    path = tmp_path / "reviews.csv"
    path.write_text("\n".join(["text,label", *lines]))
    assert "sentiment-" in await asyncio.to_thread(perennial, "train", "sentiment", "--data", path)
    await service.resources.refresh()


def said(shop, text, score=4, metric="csat", at=None, **more):
    data = {"metric": metric, "score": score, **more}
    return shop.event("feedback.submitted", at=at, data=data if text is None else {**data, "text": text})


async def send(client, *events):
    response = await client.post("/v1/events", json=list(events))
    assert response.json()["rejected"] == 0, response.text


async def answers(client, **query):
    response = await client.get("/v1/customers/C-1/feedback", params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def test_texts_are_judged_with_the_words_behind_it(learned, client):
    response = await client.post("/v1/sentiment", json={"texts": ["so lovely", "awful", "not lovely", "", "zzz"]})
    found = response.json()
    assert found["model_version"].startswith("sentiment-")
    good, bad, negated, empty, unknown = found["sentiments"]
    assert (good["sentiment"], bad["sentiment"], negated["sentiment"]) == ("positive", "negative", "negative")
    assert good["words"][0]["text"] == "lovely"
    assert good["words"][0]["effect"] > 0
    assert negated["words"][0]["text"].startswith("not ")
    assert (empty["sentiment"], empty["reason"]) == (None, "no_words")
    assert (unknown["sentiment"], unknown["reason"]) == (None, "unknown_words")


async def test_a_customer_s_answers_come_latest_first_and_paged(learned, client, shop):
    await send(client, *(said(shop, f"lovely {number}", at=shop.ago(days=number + 1)) for number in range(3)))
    first = await answers(client, limit=2)
    second = await answers(client, limit=2, cursor=first["next_cursor"])
    assert [each["text"] for each in first["answers"] + second["answers"]] == ["lovely 0", "lovely 1", "lovely 2"]
    assert second["next_cursor"] is None
    assert {each["sentiment"]["sentiment"] for each in first["answers"]} == {"positive"}


async def test_one_answer_of_a_survey_and_occasion_counts(client, shop):
    await send(
        client,
        said(shop, None, 2, survey="S", occasion="O-1", at=shop.ago(days=3)),
        said(shop, None, 5, survey="S", occasion="O-1", at=shop.ago(days=2)),
        said(shop, None, 3, survey="S", occasion="O-2", at=shop.ago(days=1)),
        said(shop, None, 1, survey="S", at=shop.ago(days=4)),
        said(shop, None, 4, survey="S", at=shop.ago(days=5)),
    )
    found = await answers(client)
    told = [(each["score"], each["counts"]) for each in found["answers"]]
    assert told == [(3, True), (5, True), (2, False), (1, True), (4, True)]
    assert {each["sentiment"]["reason"] for each in found["answers"]} == {"no_text"}


async def test_answers_of_all_ids_of_a_person_are_told(client, shop):
    await send(client, said(shop, "here"))
    await send(client, shop.event("feedback.submitted", "C-2", data={"metric": "nps", "score": 9, "text": "there"}))
    await send(client, shop.event("customer.merged", data={"merged": "C-2"}))
    assert {each["customer_id"] for each in (await answers(client))["answers"]} == {"C-1", "C-2"}


async def test_without_a_model_texts_are_told_and_not_judged(client, shop):
    await send(client, said(shop, "lovely"))
    found = await answers(client)
    assert found["model_version"] is None
    assert found["answers"][0]["text"] == "lovely"
    assert found["answers"][0]["sentiment"]["reason"] == "no_model"


async def test_who_refuses_profiling_is_not_judged(learned, client, shop):
    await send(client, said(shop, "lovely"))
    await send(client, shop.event("consent.changed", data={"purpose": "profiling", "granted": False}))
    (answer,) = (await answers(client))["answers"]
    assert (answer["sentiment"]["sentiment"], answer["sentiment"]["reason"]) == (None, "refuses_profiling")


async def test_survey_and_occasion_are_kept_where_members_are_declined(sql, serve, shop):
    async with serve(kept_members="none") as service:
        answer = said(shop, "lovely", survey="S", occasion="O-1")
        assert (await service.client.post("/v1/events", json=[answer])).json()["accepted"] == 1
        (found,) = (await answers(service.client))["answers"]
    assert (found["survey"], found["occasion"], found["text"]) == ("S", "O-1", None)


async def test_nobody_is_no_customer(client):
    response = await client.get("/v1/customers/nobody/feedback")
    assert response.status_code == 404


@pytest.mark.parametrize("score", [6.5, -1, 11])
async def test_what_is_not_on_the_scale_is_no_nps(client, shop, score):
    response = await client.post("/v1/events", json=[said(shop, None, score, "nps")])
    assert response.json()["rejected"] == 1


@pytest.mark.parametrize("body", [{"texts": []}, {"texts": ["x"] * 101}, {"texts": [1]}, {"texts": ["x" * 10_001]}, {}])
async def test_what_cannot_be_judged_is_refused(client, body):
    response = await client.post("/v1/sentiment", json=body)
    assert response.status_code == 422


async def test_the_shop_s_own_feedback_teaches(perennial, client, shop):
    with pytest.raises(Refusal, match="no real feedback"):
        await asyncio.to_thread(perennial, "train", "sentiment")
    await send(client, *(said(shop, f"smashing {number}", 5) for number in range(25)))
    with pytest.raises(Refusal, match="0 negative"):
        await asyncio.to_thread(perennial, "train", "sentiment")
    await send(client, *(said(shop, f"dreadful {number}", 1) for number in range(25)))
    told = await asyncio.to_thread(perennial, "train", "sentiment")
    assert "sentiment-" in told
    assert "demo-" not in told


async def test_the_same_text_again_and_again_teaches_nothing(perennial, client, shop):
    await send(client, *(said(shop, text, score) for _ in range(20) for text, score in (("fine", 5), ("poor", 1))))
    with pytest.raises(Refusal, match="1 and 1 of them different"):
        await asyncio.to_thread(perennial, "train", "sentiment")


async def test_feedback_of_who_refuses_profiling_does_not_teach(perennial, client, shop):
    await send(client, *(said(shop, f"smashing {number}", 5) for number in range(25)))
    await send(client, shop.event("consent.changed", data={"purpose": "profiling", "granted": False}))
    with pytest.raises(Refusal, match="no real feedback"):
        await asyncio.to_thread(perennial, "train", "sentiment")


def test_it_is_evaluated_on_another_file(perennial, tmp_path):
    known, asked = tmp_path / "known.csv", tmp_path / "asked.csv"
    lines = [f"{word} {number},{label}" for number in range(30) for word, label in (("lovely", 1), ("awful", 0))]
    known.write_text("\n".join(["words,good", *lines]))
    asked.write_text("words,good\nlovely indeed,1\nawful indeed,0\n")
    columns = ("--text-column", "words", "--label-column", "good")
    told = perennial("evaluate", "sentiment", "--data", known, "--test", asked, *columns, "--json")
    assert '"n": 2' in told
    assert '"accuracy": 1.0' in told
    assert '"auc": 1.0' in told


def test_columns_without_a_file_are_refused(perennial):
    with pytest.raises(Refusal, match="--data"):
        perennial("train", "sentiment", "--text-column", "x")
