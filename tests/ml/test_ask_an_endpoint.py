"""Asking another machine: within its limit, within the budget, never twice, and never for ever."""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from ml import Account, Budget, Failure, Refused, Usage
from ml.backend import BadItem, Unavailable
from ml.endpoint import Address, Endpoint, Inquiry, Prices, Reply, Terms
from ml.schemas import WrongAnswer
from tests.ml.cloud_server import CloudServer, cut_short, drip, hang, hang_up, raw, status, words

NOBODY = Account()
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
QUICK = Terms(seconds=5, patience=1000, wait=60)


class QuickClock:
    """Sleeping takes no time, and time only passes by sleeping."""

    def __init__(self) -> None:
        self.moment = 1000.0

    def now(self) -> float:
        return self.moment

    def sleep_until(self, moment: float) -> None:
        self.moment = max(self.moment, moment)
        time.sleep(0)


class Kept(dict[str, str]):
    def put(self, key: str, answer: str) -> None:
        self[key] = answer


@pytest.fixture
def cloud() -> Iterator[CloudServer]:
    with CloudServer() as cloud:
        yield cloud


@pytest.fixture
def clock() -> QuickClock:
    return QuickClock()


@pytest.fixture
def endpoint(cloud: CloudServer, clock: QuickClock) -> Endpoint:
    return Endpoint(Address(cloud.url), clock=clock)


def question(text: str = "How many letters?", **fields: object) -> Inquiry:
    return replace(Inquiry("some/model", text, terms=QUICK), **fields)  # type: ignore[arg-type]


def test_an_answer_comes_with_its_words_and_tokens(endpoint: Endpoint, cloud: CloudServer) -> None:
    reply = endpoint.ask(question("Hello", system="Count.", stop=("END",)), NOBODY)
    assert reply == Reply("There are 12 letters.", None, 20)
    (asked,) = cloud.questions
    assert [message["role"] for message in asked.body["messages"]] == ["system", "user"]
    assert (asked.body["model"], asked.body["stop"], asked.body["temperature"]) == ("some/model", ["END"], 0.2)


def test_answers_come_in_the_order_of_the_questions(endpoint: Endpoint, cloud: CloudServer) -> None:
    cloud.takes_seconds = 0.01
    replies = endpoint.ask_all([question("x" * number) for number in range(1, 31)], NOBODY)
    assert [reply.text for reply in replies if isinstance(reply, Reply)] == [
        f"There are {number} letters." for number in range(1, 31)
    ]
    assert 1 < cloud.most_at_once <= 8


def test_the_same_is_asked_once_however_many_want_to_know(endpoint: Endpoint, cloud: CloudServer) -> None:
    cloud.takes_seconds = 0.1
    same = [question("The same")] * 20 + [question("Another")] * 20
    with ThreadPoolExecutor(4) as threads:
        for replies in threads.map(lambda _: endpoint.ask_all(same, NOBODY), range(4)):
            assert {reply.text for reply in replies if isinstance(reply, Reply)} == {
                "There are 8 letters.",
                "There are 7 letters.",
            }
    assert len(cloud.questions) == 2
    endpoint.ask(question("The same"), NOBODY)
    assert len(cloud.questions) == 2


def test_another_model_prompt_or_form_is_another_question(endpoint: Endpoint, cloud: CloudServer) -> None:
    endpoint.ask(question("One"), NOBODY)
    endpoint.ask(question("One", model="other/model"), NOBODY)
    endpoint.ask(question("One", temperature=0.3), NOBODY)
    endpoint.ask(question("One", system="Be short."), NOBODY)
    assert len(cloud.questions) == 4


def test_answers_are_remembered_where_the_caller_says(cloud: CloudServer, clock: QuickClock) -> None:
    kept = Kept()
    account = Account(answers=kept)
    first = Endpoint(Address(cloud.url), clock=clock).ask(question(), account)
    assert Endpoint(Address(cloud.url), clock=clock).ask(question(), account) == first
    assert len(cloud.questions) == 1
    kept.update(dict.fromkeys(kept, "damaged"))
    assert Endpoint(Address(cloud.url), clock=clock).ask(question(), account) == first
    assert len(cloud.questions) == 2


def test_whoever_waits_for_anothers_answer_keeps_it_too(endpoint: Endpoint, cloud: CloudServer) -> None:
    cloud.takes_seconds = 0.2
    both = Kept(), Kept()
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda kept: endpoint.ask(question(), Account(answers=kept)), both))
    assert len(cloud.questions) == 1
    assert both[0] == both[1] != {}


def test_an_answer_that_cannot_be_kept_is_given_all_the_same(endpoint: Endpoint, cloud: CloudServer) -> None:
    class Full(Kept):
        def put(self, key: str, answer: str) -> None:
            raise OSError("The disk is full.")

    replies = endpoint.ask_all([question(str(number)) for number in range(3)], Account(answers=Full()))
    assert all(isinstance(reply, Reply) for reply in replies)
    assert len(cloud.questions) == 3


@pytest.mark.parametrize("said", ["", " \n", "word " * 50_000])
def test_silence_and_a_flood_are_no_answers_and_are_not_kept(endpoint: Endpoint, cloud: CloudServer, said: str) -> None:
    cloud.moods.append(words(said))
    with pytest.raises(WrongAnswer, match="empty, or longer"):
        endpoint.ask(question(), NOBODY)
    assert isinstance(endpoint.ask(question(), NOBODY), Reply)


def test_what_is_remembered_has_an_end(endpoint: Endpoint, cloud: CloudServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.endpoint._REMEMBERED_LETTERS", 100)  # the real end takes minutes to fill
    cloud.says = lambda asked: "x" * 30
    for text in ("One", "Two", "Three", "Three", "One"):
        endpoint.ask(question(text), NOBODY)
    assert len(cloud.questions) == 4


def test_the_limit_of_requests_is_kept_as_the_other_machine_counts() -> None:
    with CloudServer(takes_seconds=0.02) as cloud:
        endpoint = Endpoint(Address(cloud.url), a_minute=10, at_once=8, minute=0.4)
        questions = [question(str(number), terms=Terms()) for number in range(35)]
        with ThreadPoolExecutor(2) as threads:
            halves = threads.map(lambda half: endpoint.ask_all(half, NOBODY), [questions[:18], questions[18:]])
            assert all(isinstance(reply, Reply) for half in halves for reply in half)
        assert len(cloud.questions) == 35
        assert cloud.most_within(0.4) <= 10
        assert cloud.most_at_once <= 8


def test_a_limit_that_takes_too_long_to_wait_for_says_when_to_come_back(cloud: CloudServer, clock: QuickClock) -> None:
    endpoint = Endpoint(Address(cloud.url), a_minute=2, clock=clock)
    hasty = Terms(patience=10)
    replies = endpoint.ask_all([question(str(number), terms=hasty) for number in range(3)], NOBODY)
    (failure,) = [reply for reply in replies if isinstance(reply, Failure)]
    assert (failure.kind, failure.retryable, failure.retry_after) == ("unavailable", True, 60)
    assert len(cloud.questions) == 2


def test_nobody_waits_longer_than_their_patience_for_those_who_asked_before() -> None:
    with CloudServer(takes_seconds=0.6) as cloud:
        endpoint = Endpoint(Address(cloud.url), at_once=1)
        started = time.monotonic()
        hasty = [question(str(number), terms=Terms(patience=0.3)) for number in range(6)]
        replies = endpoint.ask_all(hasty, NOBODY)
    assert time.monotonic() - started < 2
    assert [reply.kind for reply in replies if isinstance(reply, Failure)] == ["unavailable"] * 5


@pytest.mark.parametrize(
    ("told", "waited"),
    [
        ({}, 60),
        ({"Retry_After": "7"}, 7),
        ({"Retry_After": "0.5"}, 0.5),
        *(({"Retry_After": told}, 60) for told in ("soon", "nan", "-7", "Wed, 21 Oct 2015 07:28:00 +" + "9" * 20)),
    ],
)
def test_after_429_it_waits_as_told_else_a_minute(
    endpoint: Endpoint, cloud: CloudServer, clock: QuickClock, told: dict[str, str], waited: float
) -> None:
    cloud.moods.append(status(429, **told))
    started = clock.now()
    assert isinstance(endpoint.ask(question(), NOBODY), Reply)
    assert clock.now() - started == waited
    assert len(cloud.questions) == 2


def test_a_wait_may_be_told_as_a_date(endpoint: Endpoint, cloud: CloudServer, clock: QuickClock) -> None:
    cloud.moods.append(status(503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"))
    started = clock.now()
    assert isinstance(endpoint.ask(question(), NOBODY), Reply)
    assert clock.now() == started


def test_after_429_nobody_else_asks_before_the_time_is_over(cloud: CloudServer, clock: QuickClock) -> None:
    endpoint = Endpoint(Address(cloud.url), clock=clock)
    cloud.now = clock.now
    cloud.moods.append(status(429, Retry_After="3600"))
    with pytest.raises(Unavailable) as refusal:
        endpoint.ask(question("One"), NOBODY)
    assert refusal.value.retry_after == 3600
    with pytest.raises(Unavailable) as refusal:
        endpoint.ask(question("Two"), NOBODY)
    assert refusal.value.retry_after == 3600
    assert len(cloud.questions) == 1
    clock.sleep_until(clock.now() + 3600)
    assert isinstance(endpoint.ask(question("Two"), NOBODY), Reply)


def test_fewer_are_under_way_after_a_429_and_more_again_after_good_answers(
    endpoint: Endpoint, cloud: CloudServer
) -> None:
    cloud.moods.extend([status(429, Retry_After="1"), status(429, Retry_After="1")])
    endpoint.ask(question("One"), NOBODY)
    assert endpoint.gate.width == 2
    endpoint.ask_all([question(str(number)) for number in range(100)], NOBODY)
    assert endpoint.gate.width == 8


@pytest.mark.parametrize("fault", [status(500), status(502, Retry_After="5"), raw(b"<html>"), raw(b"[" * 99999)])
def test_a_fault_that_passes_is_tried_again(endpoint: Endpoint, cloud: CloudServer, fault: object) -> None:
    cloud.moods.extend([fault, fault])  # type: ignore[list-item]
    assert isinstance(endpoint.ask(question(), NOBODY), Reply)
    assert len(cloud.questions) == 3


@pytest.mark.parametrize("fault", [cut_short, hang_up])
def test_a_cut_connection_is_tried_again(endpoint: Endpoint, cloud: CloudServer, fault: object) -> None:
    cloud.moods.append(fault)  # type: ignore[arg-type]
    assert isinstance(endpoint.ask(question(), NOBODY), Reply)
    assert len(cloud.questions) == 2


def test_a_fault_that_stays_is_given_up_after_five_times(endpoint: Endpoint, cloud: CloudServer) -> None:
    cloud.moods.extend([status(500)] * 10)
    with pytest.raises(Unavailable, match=r"out of order \(500\)"):
        endpoint.ask(question(), NOBODY)
    assert len(cloud.questions) == 5


@pytest.mark.parametrize("fault", [drip, hang])
def test_an_answer_that_does_not_end_is_cut_off(endpoint: Endpoint, cloud: CloudServer, fault: object) -> None:
    cloud.moods.append(fault)  # type: ignore[arg-type]
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"within 0\.3 seconds"):
        endpoint.ask(question(terms=Terms(seconds=0.3, retries=0)), NOBODY)
    assert time.monotonic() - started < 3


def test_a_handshake_that_does_not_end_is_cut_off() -> None:
    """An encrypted line that never gets ready: a byte now and then, of a message that never ends."""

    def drip_a_greeting(listener: socket.socket) -> None:
        line, _ = listener.accept()
        with line, suppress(OSError):
            line.sendall(b"\x16\x03\x03\x40\x00\x02")
            while True:
                line.sendall(b"\x00")
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drip_a_greeting, args=(listener,), daemon=True).start()
        endpoint = Endpoint(Address(f"https://127.0.0.1:{listener.getsockname()[1]}/v1"))
        started = time.monotonic()
        with pytest.raises(TimeoutError, match=r"within 0\.3 seconds"):
            endpoint.ask(question(terms=Terms(seconds=0.3, retries=0)), NOBODY)
    assert time.monotonic() - started < 3


def test_a_machine_that_sleeps_is_away_and_not_slow() -> None:
    """Whoever knocks there hears nothing at all; so nobody else needs to wait for it until a minute is over."""
    with ExitStack() as lines:
        listener = lines.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # its queue is full: the system drops what comes
            line = lines.enter_context(socket.socket())
            line.setblocking(False)
            line.connect_ex(listener.getsockname())
        endpoint = Endpoint(Address(f"http://127.0.0.1:{listener.getsockname()[1]}/v1"))
        for _ in range(2):
            started = time.monotonic()
            with pytest.raises(Unavailable, match="Is the machine on"):
                endpoint.ask(question(terms=Terms(seconds=0.3, retries=0)), NOBODY)
    assert time.monotonic() - started < 0.2


def test_nobody_at_home_is_found_out_once_and_said(clock: QuickClock) -> None:
    with CloudServer() as cloud:
        url = cloud.url
    endpoint = Endpoint(Address(url), clock=clock)
    failures = endpoint.ask_all([question(str(number)) for number in range(4)], NOBODY)
    assert {failure.kind for failure in failures if isinstance(failure, Failure)} == {"unavailable"}
    assert "does not answer" in str(endpoint.health())
    with pytest.raises(Unavailable) as refusal:
        endpoint.ask(question(), NOBODY)
    assert 0 < (refusal.value.retry_after or 0) <= 60


def test_json_is_asked_for_in_its_form_and_checked(endpoint: Endpoint, cloud: CloudServer) -> None:
    cloud.moods.append(words('{"name": "cup"}'))
    assert endpoint.ask(question(schema=SCHEMA), NOBODY).data == {"name": "cup"}
    assert cloud.questions[0].body["response_format"]["json_schema"]["schema"] == SCHEMA


def test_a_machine_that_takes_no_form_is_asked_without_one_from_then_on(endpoint: Endpoint, cloud: CloudServer) -> None:
    cloud.knows_formats = False
    cloud.says = lambda asked: '{"name": "cup"}'
    assert endpoint.ask(question("One", schema=SCHEMA), NOBODY).data == {"name": "cup"}
    assert endpoint.ask(question("Two", schema=SCHEMA), NOBODY).data == {"name": "cup"}
    assert ["response_format" in asked.body for asked in cloud.questions] == [True, False, False]


def test_a_wrong_form_is_repaired_by_one_more_question(endpoint: Endpoint, cloud: CloudServer) -> None:
    cloud.moods.extend([words("I think it is a cup."), words('{"name": "cup"}')])
    reply = endpoint.ask(question(schema=SCHEMA), NOBODY)
    assert (reply.data, reply.tokens) == ({"name": "cup"}, 40)
    assert "no JSON in the answer" in cloud.questions[1].text
    assert endpoint.ask(question(schema=SCHEMA), NOBODY) == replace(reply)
    assert len(cloud.questions) == 2


def test_a_form_that_stays_wrong_is_a_failure(endpoint: Endpoint, cloud: CloudServer) -> None:
    cloud.moods.extend([words("{}"), words("{}")])
    with pytest.raises(WrongAnswer, match="name"):
        endpoint.ask(question(schema=SCHEMA), NOBODY)
    assert len(cloud.questions) == 2


def test_what_a_model_thinks_aloud_is_no_answer(endpoint: Endpoint, cloud: CloudServer) -> None:
    cloud.moods.append(words('<think>Perhaps {"name": 1}?</think>\n{"name": "cup"}'))
    assert endpoint.ask(question(schema=SCHEMA), NOBODY).data == {"name": "cup"}


@pytest.mark.parametrize("code", [400, 413, 422])
def test_a_question_that_is_not_taken_is_the_items_fault(endpoint: Endpoint, cloud: CloudServer, code: int) -> None:
    cloud.moods.append(status(code, "The image is\x00 too large."))
    with pytest.raises(BadItem, match=r"The image is too large\."):
        endpoint.ask(question(), NOBODY)
    assert isinstance(endpoint.ask(question(), NOBODY), Reply)


@pytest.mark.parametrize(
    ("code", "message"),
    [(401, "Check the option key"), (402, "Add credit"), (404, "knows no model some/model"), (302, "base_url")],
)
def test_what_only_the_owner_can_mend_is_said_and_not_tried_again(
    endpoint: Endpoint, cloud: CloudServer, clock: QuickClock, code: int, message: str
) -> None:
    cloud.moods.append(status(code, Location="http://127.0.0.1:9/elsewhere"))
    for _ in range(2):
        with pytest.raises(Unavailable, match=message):
            endpoint.ask(question(), NOBODY)
    assert len(cloud.questions) == 1
    clock.sleep_until(clock.now() + 301)
    assert isinstance(endpoint.ask(question(), NOBODY), Reply)


def test_a_model_that_is_not_there_keeps_no_other_from_work(endpoint: Endpoint, cloud: CloudServer) -> None:
    cloud.moods.append(status(404))
    for _ in range(2):
        with pytest.raises(Unavailable, match="knows no model a/typo"):
            endpoint.ask(question(model="a/typo"), NOBODY)
    assert isinstance(endpoint.ask(question(), NOBODY), Reply)
    assert endpoint.health() is None
    assert len(cloud.questions) == 2


def test_health_is_asked_once_a_minute_and_names_a_wrong_key(clock: QuickClock) -> None:
    with CloudServer(key="right") as cloud:
        good = Endpoint(Address(cloud.url, "right"), clock=clock)
        assert [good.health() for _ in range(3)] == [None] * 3
        assert len(cloud.asked) == 1
        clock.sleep_until(clock.now() + 61)
        assert good.health() is None
        assert len(cloud.asked) == 2
        bad = Endpoint(Address(cloud.url, "wrong"), clock=clock)
        assert "refuses the key" in str(bad.health())
        assert "wrong" not in str(bad.health()) + repr(bad) + repr(Address(cloud.url, "wrong"))


def test_a_key_goes_to_its_own_machine_only(monkeypatch: pytest.MonkeyPatch, cloud: CloudServer) -> None:
    monkeypatch.setenv("NVIDIA_API_KEY", "secret")
    Endpoint(Address(cloud.url)).ask(question(), NOBODY)
    assert "authorization" not in cloud.asked[0].headers
    assert Address("https://integrate.api.nvidia.com/v1").missing() is None
    monkeypatch.delenv("NVIDIA_API_KEY")
    assert "Set NVIDIA_API_KEY" in str(Address("https://integrate.api.nvidia.com/v1").missing())


def test_a_key_is_in_no_message_not_even_a_part_of_it(cloud: CloudServer, caplog: pytest.LogCaptureFixture) -> None:
    endpoint = Endpoint(Address(cloud.url, "nvapi-0123456789\n"))
    cloud.moods.append(status(400, "x" * 190 + " nvapi-0123456789"))
    with pytest.raises(BadItem) as refusal:
        endpoint.ask(question(), NOBODY)
    assert "nvapi" not in str(refusal.value) + caplog.text
    assert cloud.questions[0].headers["authorization"] == "Bearer nvapi-0123456789"
    for broken in ("nvapi-01\n23", "nvapi-\u2026"):
        assert "holds characters that no key has" in str(Address(cloud.url, broken).missing())


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/v1", "ftp://example.com", "nonsense", "http://[", "https://a:b@c/v1", "https://c/v1?"),
        *("https://a b/v1", "https://c/\u00e9", "https://c/v1\n", f"https://{'c' * 64}/v1", "http://134744072/v1"),
    ],
)
def test_an_address_that_nothing_may_be_sent_to_is_refused(url: str) -> None:
    assert Address(url).missing()


@pytest.mark.parametrize(
    "url", ["http://localhost:11434/v1", "http://192.168.1.5:8000/v1", "https://example.com/v1", "http://[::1]/v1"]
)
def test_machines_of_the_house_need_no_encryption(url: str) -> None:
    assert Address(url).missing() is None


def test_the_budget_is_never_exceeded_however_many_ask_at_once(cloud: CloudServer, clock: QuickClock) -> None:
    cloud.takes_seconds = 0.01
    budget = Budget(requests=12)
    endpoint = Endpoint(Address(cloud.url), a_minute=1000, clock=clock)
    replies = endpoint.ask_all([question(str(number)) for number in range(40)], Account(meter=budget))
    assert len(cloud.questions) == 12 == budget.used.requests
    failures = [reply for reply in replies if isinstance(reply, Failure)]
    assert len(failures) == 28
    assert {(failure.kind, failure.retryable) for failure in failures} == {("no_budget", True)}


def test_tokens_and_cost_are_set_aside_before_and_counted_after(cloud: CloudServer, clock: QuickClock) -> None:
    terms = replace(QUICK, prices=Prices(tokens_in=1.0, tokens_out=10.0, request=0.01))
    budget = Budget(cost=1.0)
    endpoint = Endpoint(Address(cloud.url), clock=clock)
    endpoint.ask(question(terms=terms), Account(meter=budget))
    assert (budget.used.requests, budget.used.tokens_in, budget.used.tokens_out) == (1, 100, 20)
    assert budget.used.cost == pytest.approx(0.01 + 100e-6 + 200e-6)
    with pytest.raises(Refused):
        endpoint.ask(question("Two", terms=terms, max_tokens=200_000), Account(meter=budget))
    assert len(cloud.questions) == 1


def test_every_try_counts_and_what_got_no_answer_counts_in_full(cloud: CloudServer, clock: QuickClock) -> None:
    budget = Budget()
    endpoint = Endpoint(Address(cloud.url), clock=clock)
    cloud.moods.extend([status(500), cut_short])
    endpoint.ask(question(max_tokens=7), Account(meter=budget))
    assert (budget.used.requests, budget.used.tokens_out) == (3, 0 + 7 + 20)


def test_every_script_is_planned_for(cloud: CloudServer) -> None:
    """A letter of Chinese is a token or more, one of English a quarter of one."""
    latin, chinese = (question(text * 3000) for text in ("dog ", "\u72d7"))
    assert latin.planned(latin.messages()).tokens_in > 3000
    assert chinese.planned(chinese.messages()).tokens_in > 3000


@pytest.mark.parametrize("told", [-1, 10**30, 1.5, True, "many", None])
def test_a_count_of_tokens_that_cannot_be_is_guessed_instead(
    endpoint: Endpoint, cloud: CloudServer, told: object
) -> None:
    usage = {"prompt_tokens": told, "completion_tokens": told}
    cloud.moods.append(raw(json.dumps({"choices": [{"message": {"content": "Yes"}}], "usage": usage}).encode()))
    budget = Budget()
    endpoint.ask(question(), Account(meter=budget))
    assert (budget.used.tokens_in, budget.used.tokens_out) == (105, 2)


def test_somebody_elses_empty_budget_stops_nobody(cloud: CloudServer, clock: QuickClock) -> None:
    """The one who asks first has no budget; whoever waits for the same answer asks on an account of their own."""
    endpoint = Endpoint(Address(cloud.url), clock=clock)
    waiting = threading.Event()

    class Empty:
        def before(self, model: str, planned: Usage) -> None:
            waiting.set()
            time.sleep(0.2)
            raise Refused("empty")

        def after(self, model: str, planned: Usage, used: Usage) -> None:
            raise AssertionError("Nothing was let through.")

    with ThreadPoolExecutor(2) as threads:
        poor = threads.submit(endpoint.ask, question(), Account(meter=Empty()))
        waiting.wait(5)
        rich = threads.submit(endpoint.ask, question(), Account(meter=Budget(requests=1)))
        assert isinstance(rich.result(), Reply)
        with pytest.raises(Refused):
            poor.result()


def test_limit_and_budget_hold_in_a_storm_and_everybody_is_answered() -> None:
    weather = [status(500), status(503), status(429, Retry_After="0.05"), cut_short, hang_up, raw(b"no")]
    questions = [question(str(number % 60), terms=Terms(2, 60, 0.05, retries=50)) for number in range(240)]
    budget = Budget()
    with CloudServer(takes_seconds=0.005) as cloud, ThreadPoolExecutor(6) as threads:
        cloud.moods.extend(weather * 7)
        endpoint = Endpoint(Address(cloud.url), a_minute=40, at_once=6, minute=0.4)
        parts = [questions[start::6] for start in range(6)]
        replies = threads.map(lambda part: endpoint.ask_all(part, Account(meter=budget)), parts)
        assert all(isinstance(reply, Reply) for part in replies for reply in part)
    assert len(cloud.questions) == 60 + 42 == budget.used.requests
    assert cloud.most_within(0.4) <= 40
    assert cloud.most_at_once <= 6


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    file = tmp_path_factory.mktemp("certificate") / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=here", "-days", "2"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(file), "-out", str(file) + ".only"]
    subprocess.run([*command, *names], check=True, capture_output=True)
    file.write_text(file.read_text() + file.with_name("server.pem.only").read_text())
    return file


def test_a_machine_is_asked_over_an_encrypted_line(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with CloudServer(certificate=certificate) as cloud:
        with pytest.raises(Unavailable, match="certificate"):
            Endpoint(Address(cloud.url, "secret")).ask(question(terms=Terms(retries=0)), NOBODY)
        assert not cloud.asked
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        endpoint = Endpoint(Address(cloud.url, "secret"))
        assert isinstance(endpoint.ask(question(), NOBODY), Reply)
        cloud.moods.append(drip)
        with pytest.raises(TimeoutError):
            endpoint.ask(question("Two", terms=Terms(seconds=0.5, retries=0)), NOBODY)
