"""Who is let in at the door, in which order, and who is turned away. By a clock that the tests set."""

import json

import pytest

from app.foundation import metrics
from app.http import door
from app.http.door import Line, Refusal, missing_of_request


class Clock:
    """A loop's clock and timers."""

    def __init__(self):
        self.now_s = 100.0
        self.calls = []

    def time(self):
        return self.now_s

    def call_at(self, when_s, call):
        self.calls.append((when_s, call))

    def go_on(self, seconds):
        """Runs what comes due meanwhile."""
        until_s = self.now_s + seconds
        while due := sorted((each for each in self.calls if each[0] <= until_s), key=lambda each: each[0]):
            self.calls.remove(due[0])
            self.now_s = max(self.now_s, due[0][0])
            due[0][1]()
        self.now_s = until_s


class Client:
    def __init__(self, line, name, told):
        self.line, self.name, self.told = line, name, told

    def let_in(self):
        self.told.append(("in", self.name))
        self.line.enter(self.name)

    def turn_away(self):
        self.told.append(("away", self.name))

    def rest(self):
        self.told.append(("rest", self.name))

    def resume(self):
        self.told.append(("resume", self.name))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def line(clock, monkeypatch):
    """Lets in two, whatever it sees."""
    monkeypatch.setattr(door, "WINDOW_S", 1e9)
    line = Line("test", 0.4, clock.time, clock.call_at)
    line.limit = 2.0
    return line


@pytest.fixture
def adapting(clock):
    line = Line("test", 0.4, clock.time, clock.call_at)
    line.limit = 50.0
    return line


@pytest.fixture
def told():
    return []


def fill(line):
    for name in ("a", "b"):
        line.enter(name)


def test_nobody_stands_while_there_is_room(line):
    line.enter("a")
    assert not line.is_full
    line.enter("b")
    assert line.is_full


def test_the_first_come_is_let_in_first_while_the_line_is_short(line, clock, told):
    fill(line)
    for name in ("first", "second"):
        line.stand(Client(line, name, told), 10)
    clock.now_s += door.LONG_S / 2
    line.leave("a")
    assert told == [("in", "first")]


def test_the_last_come_is_let_in_first_once_the_line_is_long(line, clock, told):
    fill(line)
    line.stand(Client(line, "first", told), 10)
    clock.go_on(2 * door.LONG_S)
    line.stand(Client(line, "last", told), 10)
    line.leave("a")
    assert told == [("in", "last")]


def test_who_cannot_be_answered_within_the_patience_is_turned_away_and_is_no_more_work(line, clock, told):
    fill(line)
    line.stand(Client(line, "late", told), 10)
    clock.go_on(line.stands_s + 2 * door.LOOK_S)
    assert told == [("away", "late")]
    line.leave("a")
    assert told == [("away", "late")]
    assert not line.standing


def test_who_stands_and_is_then_answered_is_so_within_the_patience(line):
    assert line.stands_s + 2 * door.AIM_S <= 0.4 + 1e-9


def test_who_has_gone_is_neither_served_nor_turned_away(line, clock, told):
    fill(line)
    gone = Client(line, "gone", told)
    line.stand(gone, 10)
    line.stand(Client(line, "here", told), 10)
    line.forget(gone)
    assert line.standing == 1
    line.leave("a")
    assert told == [("in", "here")]
    clock.go_on(1.0)
    assert told == [("in", "here")]


def test_fewer_are_let_in_when_those_inside_take_long_and_more_when_they_do_not(adapting, clock):
    adapting.limit = 200.0
    for number in range(200):
        adapting.enter(number)
    clock.now_s += 3 * door.AIM_S
    for number in range(200):
        adapting.leave(number)
    assert adapting.limit < 200
    least = adapting.limit
    for _ in range(20):
        names = range(int(adapting.limit) + 1)
        for number in names:
            adapting.enter(number)
        clock.now_s += door.AIM_S / 4
        for number in names:
            adapting.leave(number)
        clock.now_s += door.WINDOW_S
    assert adapting.limit > 2 * least


def test_however_long_they_take_some_are_let_in(adapting, clock):
    for _ in range(100):
        adapting.enter("slow")
        clock.now_s += 10
        adapting.leave("slow")
    assert adapting.limit >= door.LEAST


def test_the_limit_stays_where_it_is_on_quiet_days(adapting, clock):
    for _ in range(100):
        adapting.enter("one")
        clock.now_s += 0.01
        adapting.leave("one")
    assert adapting.limit == 50.0


def test_who_takes_long_by_nature_makes_room_and_says_nothing_of_how_long_others_take(line, clock, told):
    fill(line)
    line.stand(Client(line, "next", told), 10)
    line.excuse("a")
    assert told == [("in", "next")]
    clock.now_s += 50
    line.leave("a")
    assert line.limit == 2.0


def test_others_wait_while_somebody_stands_before_the_tills(clock, told):
    tills = Line("tills", 0.4, clock.time, clock.call_at)
    others = Line("others", 0.4, clock.time, clock.call_at, before=tills)
    tills.limit = 1.0
    for number in range(door.LEAST):
        others.enter(number)
    assert not others.is_full
    tills.enter("till")
    tills.stand(Client(tills, "next till", told), 10)
    assert others.is_full


def test_beyond_what_may_be_held_whoever_stands_first_is_turned_away(line, told):
    fill(line)
    line.stand(Client(line, "large", told), door.MOST_HELD_BYTES)
    line.stand(Client(line, "small", told), 10)
    assert told == [("away", "large")]


def test_who_is_turned_away_beyond_a_number_a_second_is_not_read_from_for_a_while(line, clock, told, monkeypatch):
    monkeypatch.setattr(door, "MOST_UNRESTED", 2)
    fill(line)
    for number in range(4):
        line.stand(Client(line, number, told), 10)
    clock.go_on(line.stands_s + 2 * door.LOOK_S)
    assert [name for what, name in told if what == "rest"] == [2, 3]
    clock.go_on(door.SHORTEST_REST_S)
    assert [name for what, name in told if what == "resume"] == [2, 3]


def test_who_rests_is_read_from_again_as_soon_as_there_is_room(line, clock, told, monkeypatch):
    monkeypatch.setattr(door, "MOST_UNRESTED", 0)
    fill(line)
    line.stand(Client(line, "a", told), 10)
    clock.go_on(line.stands_s + 2 * door.LOOK_S)
    assert told == [("away", "a"), ("rest", "a")]
    line.leave("b")
    clock.go_on(2 * door.LOOK_S)
    assert told[2:] == [("resume", "a")]


def test_refusals_are_counted_each_and_logged_a_line_a_second(line, clock, told, caplog):
    before = metrics.REFUSALS.values.get(("test",), 0)
    fill(line)
    for second in range(2):
        for number in range(50):
            line.stand(Client(line, (second, number), told), 10)
        clock.go_on(1.2)
    assert metrics.REFUSALS.values[("test",)] == before + 100
    lines = [record for record in caplog.records if record.message == "requests.refused"]
    assert 2 <= len(lines) <= 3
    assert lines[0].told["count"] + lines[1].told["count"] <= 100


def test_a_refusal_is_a_problem_document_that_tells_when_to_come_again():
    headers = [(b"date", b"today")]
    refusal = Refusal(b'{"status":503}', "application/problem+json")
    answers = [refusal(headers) for _ in range(Refusal.FORMS)]
    waits = set()
    for answer, is_last in answers:
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert lines[0] == "HTTP/1.1 503 Service Unavailable"
        told = dict(line.split(": ") for line in lines[1:])
        assert json.loads(body) == {"status": 503}
        assert int(told["content-length"]) == len(body)
        assert told["date"] == "today"
        waits.add(told["retry-after"])
        assert not is_last
    assert len(waits) > 1
    assert refusal([(b"connection", b"close")])[1]


PLAIN = b"POST /v1/checkouts HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: keep-alive\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "missing"),
    [
        (PLAIN + b"body", 0),
        (PLAIN + b"bo", 2),
        (b"GET /v1/customers/1/score HTTP/1.1\r\nHost: a\r\n\r\n", 0),
        (PLAIN + b"bodyGET / HTTP/1.1\r\n", None),
        (PLAIN[:-4], None),
        (PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0") + b"body", None),
        (PLAIN.replace(b"keep-alive", b"close") + b"body", None),
        (PLAIN.replace(b"Host: a", b"Transfer-Encoding: chunked") + b"body", None),
        (PLAIN.replace(b"Host: a", b"Content-Length: 9") + b"body", None),
        (PLAIN.replace(b"Host: a", b"Expect: 100-continue") + b"body", None),
        (PLAIN.replace(b"Host: a", b"A: b\nTransfer-Encoding: chunked") + b"body", None),
        (PLAIN.replace(b": 4", b": +4") + b"body", None),
        (PLAIN.replace(b"Content-Length: 4", b"Content-Length : 4") + b"body", None),
    ],
)
def test_only_a_plain_request_alone_can_be_answered_unread(data, missing):
    assert missing_of_request(data) == missing
