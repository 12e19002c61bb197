"""One connection in memory and in virtual time: what is said, in which order, and how it ends."""

import asyncio
from collections.abc import AsyncIterator
import logging

import pytest

from core.errors import CommandRefusedError
from core.events import ControllerAction, LossReason
from core.protocol.messages.client_command import ControllerCommand
from core.protocol.messages.client_hello import ClientHello
from core.protocol.messages.server_hello import ConnectionReason
from core.protocol.messages.server_state import Controller
from core.protocol.websocket import CloseCode, Opcode
from core.server.session import Session
from core.server.snapshot import MediumSnapshot
from core.server.transport import HIGH_WATER_BYTES, Closed, Transport
from core.stream.chunk import Batch, Chunk, PlayerOutput, StreamStart
from core.units import US_PER_S, GroupId, ServerTimeUs
from tests.fakes.client import PCM, MemoryClient
from tests.fakes.clock import FakeClock
from tests.fakes.transport import parse_frames

START = PlayerOutput(start=StreamStart(format=PCM))


class Owner:
    """Notes what it is told."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.sessions: list[Session] = []
        self.told: list[str] = []
        self.commands: list[ControllerCommand] = []
        self.error: Exception | None = None

    def introduced(self, session: Session, hello: ClientHello) -> ConnectionReason:
        self.told.append("introduced")
        if self.error is not None:
            raise self.error
        return ConnectionReason.PLAYBACK if session.is_wanted else ConnectionReason.DISCOVERY

    def joined(self, session: Session) -> None:
        self.told.append("joined")
        session.group_update(playing=False, group_id=GroupId("g"), name="Group")

    def state_changed(self, session: Session) -> None:
        self.told.append("state")

    def stream_changed(self, session: Session) -> None:
        self.told.append(f"stream {session.stream_format is not None}")

    def commanded(self, session: Session, command: ControllerCommand) -> None:
        self.commands.append(command)

    def ended(self, session: Session) -> None:
        self.told.append("ended")

    async def serve(self, transport: Transport, *, is_wanted: bool = False) -> None:
        session = Session(
            transport,
            clock=self.clock,
            server_id="s" * 43,
            server_name="Home",
            owner=self,
            on_hello=lambda client_id: self.told.append(f"hello {client_id}"),
            is_wanted=is_wanted,
        )
        self.sessions.append(session)
        await session.run()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def owner(clock: FakeClock) -> AsyncIterator[Owner]:
    owner = Owner(clock)
    yield owner
    for session in owner.sessions:
        session.end(LossReason.SERVER_STOPPED)
    await clock.sleep(1)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def open_session(owner: Owner, **changes: object) -> tuple[MemoryClient, Session]:
    client = MemoryClient().connect(owner.serve)
    client.introduce(**changes)
    await owner.clock.sleep(1)
    return client, owner.sessions[-1]


def make_chunks(clock: FakeClock, count: int, *, byte_count: int = 100, ahead_us: int = 500_000) -> Batch:
    return Batch(
        Chunk(
            start=ServerTimeUs(clock.now() + ahead_us + index * 25_000),
            duration_us=25_000,
            data=bytes([index % 256]) * byte_count,
            frame=0,
            frame_count=1,
        )
        for index in range(count)
    )


# The beginning


async def test_our_hello_is_the_first_word_whatever_came_with_theirs(owner: Owner) -> None:
    client = MemoryClient().connect(owner.serve)
    client.say_hello()
    client.say("client/time", {"client_transmitted": 7})
    client.say_state()
    await owner.clock.sleep(1)
    first, *others = [kind for kind, _ in client.messages]
    assert first == "server/hello"
    assert sorted(others) == ["group/update", "server/time"]
    assert client.got("server/hello")[0] == {
        "server_id": "s" * 43,
        "name": "Home",
        "version": 1,
        "connection_reason": "discovery",
        "active_roles": ["player@v1", "metadata@v1"],
    }
    assert owner.told == ["hello kitchen", "introduced", "joined", "state"]
    session = owner.sessions[0]
    assert (session.client_id, session.peer) == ("kitchen", "192.0.2.1")
    assert session.state is not None
    assert session.state.volume == 50


async def test_says_when_it_was_dialled_in_order_to_play(owner: Owner) -> None:
    client = MemoryClient(is_masking=True).connect(lambda transport: owner.serve(transport, is_wanted=True))
    client.say_hello()
    await owner.clock.sleep(1)
    assert client.got("server/hello")[0]["connection_reason"] == "playback"
    assert all(masked for _, _, masked in parse_frames(b"".join(client.transport.writes)))


async def test_silence_ends_without_a_word_after_thirty_seconds(owner: Owner) -> None:
    client = MemoryClient().connect(owner.serve)
    await owner.clock.sleep(29_900_000)
    assert client.transport.is_open
    await owner.clock.sleep(200_000)
    assert owner.sessions[0].loss_reason == LossReason.PROTOCOL_ERROR
    assert (client.transport.writes, client.transport.is_open) == ([], False)


async def test_a_client_that_never_tells_its_state_is_taken_as_ready_after_five_seconds(owner: Owner) -> None:
    client = MemoryClient().connect(owner.serve)
    client.say_hello()
    await owner.clock.sleep(4_900_000)
    assert "state" not in owner.told
    await owner.clock.sleep(200_000)
    assert owner.told[-1] == "state"


@pytest.mark.parametrize(
    ("first", "answer"),
    [
        ("nonsense", "malformed"),
        ('{"type": "client/time", "payload": {"client_transmitted": 1}}', "malformed"),
        ('{"type": "client/init", "payload": {}}', "unsupported_version"),
        (b"\x04", "malformed"),
        ("[]", "malformed"),
    ],
)
async def test_a_wrong_first_message_is_refused_in_words(owner: Owner, first: str | bytes, answer: str) -> None:
    client = MemoryClient().connect(owner.serve)
    client.transport.feed(first)
    await owner.clock.sleep(1)
    assert client.messages == [("server/error", {"reason": answer})]
    assert client.transport.closed_with == (CloseCode.PROTOCOL_ERROR, "")
    assert owner.sessions[0].detail


async def test_the_era_before_is_refused(owner: Owner) -> None:
    client = MemoryClient().connect(owner.serve)
    client.say_hello(supported_roles=["player"])
    await owner.clock.sleep(1)
    assert owner.told == ["ended"]
    assert "era before" in owner.sessions[0].detail


# The clock


async def test_stamps_are_those_of_arrival_and_of_the_write(owner: Owner, clock: FakeClock) -> None:
    client, _ = await open_session(owner)
    arrived = clock.now()
    for sent in (-5, 2**53 + 1):
        client.say("client/time", {"client_transmitted": sent})
    await clock.sleep(1)
    assert client.got("server/time") == [
        {"client_transmitted": sent, "server_received": arrived, "server_transmitted": arrived}
        for sent in (-5, 2**53 + 1)
    ]


async def test_a_reply_is_never_behind_audio_that_waits(owner: Owner, clock: FakeClock) -> None:
    client, session = await open_session(owner)
    session.deliver(START)
    await clock.sleep(1)
    client.transport.is_stuck = True
    session.deliver(PlayerOutput(chunks=make_chunks(clock, 100, byte_count=4_000)))
    await clock.sleep(1)
    batch = len(client.transport.writes)
    assert client.transport.write_buffer_bytes <= HIGH_WATER_BYTES + 4_100
    asked_at = clock.now()
    client.say("client/time", {"client_transmitted": 1})
    await clock.sleep(100_000)
    client.transport.is_stuck = False
    client.transport.take()
    written_at = clock.now()
    await clock.sleep(1)
    opcode, payload, _ = parse_frames(client.transport.writes[batch])[0]
    assert opcode == Opcode.TEXT
    assert b"server/time" in payload
    (stamps,) = client.got("server/time")
    assert stamps == {"client_transmitted": 1, "server_received": asked_at, "server_transmitted": written_at}
    assert len(client.audio) == 100


async def test_a_flood_of_questions_ends_the_session(owner: Owner, clock: FakeClock) -> None:
    client, session = await open_session(owner)
    for index in range(400):
        client.say("client/time", {"client_transmitted": index})
        await clock.sleep(10_000)
    assert session.loss_reason == LossReason.PROTOCOL_ERROR
    assert 100 < len(client.got("server/time")) < 300


# The stream


async def test_one_write_for_a_delivery(owner: Owner, clock: FakeClock) -> None:
    client, session = await open_session(owner)
    before = len(client.transport.writes)
    session.group_update(playing=True, group_id=GroupId("g"), name="Group")
    session.deliver(PlayerOutput(start=START.start, clear=True, chunks=make_chunks(clock, 10)))
    await clock.sleep(1)
    assert len(client.transport.writes) == before + 1
    assert client.kinds[-4:] == ["group/update", "stream/start", "stream/clear", "audio"]
    assert client.got("stream/start")[0]["player"]["codec"] == "pcm"
    assert session.stream_format == PCM
    assert session.sent_bytes == 1_000


async def test_chunks_are_the_same_bytes_object_for_all(owner: Owner, clock: FakeClock) -> None:
    chunks = make_chunks(clock, 1)
    clients = []
    for is_masking in (False, False, True, True):
        client = MemoryClient(is_masking=is_masking).connect(owner.serve)
        client.introduce()
        await clock.sleep(1)
        owner.sessions[-1].deliver(START)
        await clock.sleep(1)
        owner.sessions[-1].deliver(PlayerOutput(chunks=chunks))
        clients.append(client)
    await clock.sleep(1)
    plain, plain_too, masked, masked_too = (client.transport.writes[-1] for client in clients)
    assert plain is plain_too is chunks[0].wire["plain"]
    assert masked is masked_too is chunks[0].wire["masked"]
    assert all(client.audio == [(chunks[0].start, chunks[0].data)] for client in clients)


async def test_clear_and_end_take_back_what_was_not_written(owner: Owner, clock: FakeClock) -> None:
    client, session = await open_session(owner)
    session.deliver(PlayerOutput(start=START.start, chunks=make_chunks(clock, 4)))
    session.deliver(PlayerOutput(clear=True, chunks=make_chunks(clock, 2, ahead_us=900_000)))
    await clock.sleep(1)
    assert client.kinds[-3:] == ["stream/start", "stream/clear", "audio"]
    assert len(client.audio) == 2
    session.deliver(PlayerOutput(chunks=make_chunks(clock, 4)))
    session.deliver(PlayerOutput(end=True))
    await clock.sleep(1)
    assert client.kinds[-2:] == ["audio", "stream/end"]
    assert len(client.audio) == 2
    assert session.stream_format is None
    assert [what for what in owner.told if what.startswith("stream")] == ["stream True", "stream False"]


async def test_nothing_of_a_stream_leaves_while_there_is_none(owner: Owner, clock: FakeClock) -> None:
    client, session = await open_session(owner)
    session.deliver(PlayerOutput(end=True, clear=True, chunks=make_chunks(clock, 3)))
    await clock.sleep(1)
    assert client.kinds[-1] == "group/update"
    assert session.dropped_chunk_count == 3
    client.say("client/state", {"state": "external_source"})
    await clock.sleep(1)
    session.deliver(PlayerOutput(start=START.start, chunks=make_chunks(clock, 3)))
    await clock.sleep(1)
    assert client.kinds[-1] == "group/update"
    assert session.queued_bytes == 0


async def test_late_chunks_are_not_sent(owner: Owner, clock: FakeClock) -> None:
    client, session = await open_session(owner)
    session.deliver(START)
    await clock.sleep(1)
    session.deliver(PlayerOutput(chunks=make_chunks(clock, 4, ahead_us=-50_000)))
    await clock.sleep(1)
    assert (len(client.audio), session.dropped_chunk_count) == (2, 2)


# Slow clients


async def test_no_progress_for_five_seconds_ends_it(owner: Owner, clock: FakeClock) -> None:
    client, session = await open_session(owner)
    session.deliver(START)
    await clock.sleep(1)
    client.transport.is_stuck = True
    session.deliver(PlayerOutput(chunks=make_chunks(clock, 1)))
    await clock.sleep(4_900_000)
    assert not session.is_over
    await clock.sleep(200_000)
    assert session.loss_reason == LossReason.TOO_SLOW
    assert not client.transport.is_open


async def test_slow_progress_is_progress(owner: Owner, clock: FakeClock) -> None:
    client, session = await open_session(owner)
    session.deliver(START)
    await clock.sleep(1)
    client.transport.is_stuck = True
    session.deliver(PlayerOutput(chunks=make_chunks(clock, 40, byte_count=4_000, ahead_us=60_000_000)))
    for _ in range(20):
        await clock.sleep(2_000_000)
        client.transport.take(3_000)
    assert not session.is_over
    client.transport.is_stuck = False
    client.transport.take()
    await clock.sleep(1)
    assert len(client.audio) == 40


async def test_more_than_the_queue_holds_ends_it_at_once(owner: Owner, clock: FakeClock) -> None:
    client, session = await open_session(owner)
    session.deliver(START)
    await clock.sleep(1)
    client.transport.is_stuck = True
    session.deliver(PlayerOutput(chunks=make_chunks(clock, 700, byte_count=4_000)))
    session.deliver(PlayerOutput(chunks=make_chunks(clock, 200, byte_count=4_000)))
    assert session.loss_reason == LossReason.TOO_SLOW
    session.deliver(PlayerOutput(chunks=make_chunks(clock, 1)))
    await clock.sleep(1)
    assert client.task is not None
    assert client.task.done()


async def test_stuck_while_the_writer_waits_does_not_keep_it(owner: Owner, clock: FakeClock) -> None:
    client, session = await open_session(owner)
    session.deliver(START)
    await clock.sleep(1)
    client.transport.is_stuck = True
    session.deliver(PlayerOutput(chunks=make_chunks(clock, 100, byte_count=4_000)))
    await clock.sleep(1)
    session.end(LossReason.REPLACED)
    await clock.sleep(1)
    assert client.transport.is_aborted
    assert client.task is not None
    assert client.task.done()


# Signs of life


async def test_who_is_silent_is_pinged_and_stays_when_it_answers(owner: Owner, clock: FakeClock) -> None:
    client, session = await open_session(owner)
    await clock.sleep(600 * US_PER_S)
    pings = [opcode for opcode, _, _ in parse_frames(b"".join(client.transport.writes)) if opcode == Opcode.PING]
    assert len(pings) in (19, 20)
    assert not session.is_over


async def test_who_speaks_is_not_pinged(owner: Owner, clock: FakeClock) -> None:
    client, _ = await open_session(owner)
    for _ in range(60):
        await clock.sleep(10 * US_PER_S)
        client.say("client/state", {"player": {}})
    assert Opcode.PING not in [opcode for opcode, _, _ in parse_frames(b"".join(client.transport.writes))]


async def test_no_answer_to_a_ping_ends_it_after_half_a_minute(owner: Owner, clock: FakeClock) -> None:
    client, session = await open_session(owner)
    client.transport.answers_pings = False
    await clock.sleep(59 * US_PER_S)
    assert not session.is_over
    await clock.sleep(2 * US_PER_S)
    assert (session.loss_reason, session.detail) == (LossReason.CONNECTION_LOST, "no answer to a ping")


# Commands and state


async def test_commands_are_sent_where_the_client_takes_them(owner: Owner, clock: FakeClock) -> None:
    client, session = await open_session(owner)
    session.set_volume(30)
    session.set_muted(True)
    with pytest.raises(CommandRefusedError):
        session.set_output_delay(100)
    client.say("client/state", {"player": {"supported_commands": ["set_static_delay"]}})
    await clock.sleep(1)
    session.set_output_delay(100)
    await clock.sleep(1)
    assert [payload["player"] for payload in client.got("server/command")] == [
        {"command": "volume", "volume": 30},
        {"command": "mute", "mute": True},
        {"command": "set_static_delay", "static_delay_ms": 100},
    ]


async def test_commands_are_refused_where_they_cannot_be_sent(owner: Owner) -> None:
    _, no_player = await open_session(owner, **{"player@v1_support": None, "supported_roles": ["metadata@v1"]})
    _, gone = await open_session(owner)
    gone.end(LossReason.SERVER_STOPPED)
    for session in (no_player, gone):
        with pytest.raises(CommandRefusedError):
            session.set_volume(1)
        with pytest.raises(CommandRefusedError):
            session.set_muted(True)
        with pytest.raises(CommandRefusedError):
            session.set_output_delay(1)


async def test_metadata_goes_to_those_who_want_it(owner: Owner, clock: FakeClock) -> None:
    client, session = await open_session(owner)
    medium = MediumSnapshot(media_id="m", title="Title", artist="Artist", duration_us=90_000_000)
    session.metadata(medium, position_us=1_500_000, playing=True)
    session.metadata(None, position_us=0, playing=False)
    session.controller(Controller(actions=frozenset()))
    await clock.sleep(1)
    told, nothing = (payload["metadata"] for payload in client.got("server/state"))
    assert (told["title"], told["artist"], told["album"]) == ("Title", "Artist", None)
    assert told["progress"] == {"track_progress": 1500, "track_duration": 90_000, "playback_speed": 1000}
    assert (nothing["title"], nothing["progress"]) == (None, None)


async def test_controllers_are_told_and_may_ask(owner: Owner, clock: FakeClock) -> None:
    client, session = await open_session(owner, supported_roles=["controller@v1"])
    session.metadata(None, position_us=0, playing=False)
    for _ in range(3):
        session.controller(Controller(actions=frozenset({ControllerAction.PAUSE}), volume=40))
    await clock.sleep(1)
    client.say("client/command", {"controller": {"command": "pause"}})
    client.say("client/command", {"controller": {"command": "next"}})
    await clock.sleep(1)
    assert [payload["controller"]["volume"] for payload in client.got("server/state")] == [40]
    assert [command.action for command in owner.commands] == [ControllerAction.PAUSE]


async def test_a_wish_for_another_format_is_told(owner: Owner, clock: FakeClock) -> None:
    client, session = await open_session(owner)
    wishes = [session.preferred_format]
    client.say("stream/request-format", {"player": {"sample_rate": 48_000}})
    await clock.sleep(1)
    wishes.append(session.preferred_format)
    assert wishes == [None, PCM]
    assert owner.told[-2:] == ["state", "state"]


# The end


async def test_goodbye_is_the_end_for_the_reason_given(owner: Owner, clock: FakeClock) -> None:
    client, session = await open_session(owner)
    client.say("client/goodbye", {"reason": "user_request"})
    await clock.sleep(1)
    assert session.loss_reason == LossReason.USER_REQUEST
    assert client.transport.closed_with == (CloseCode.NORMAL, "")
    session.group_update(playing=False, group_id=GroupId("g"), name="")
    session.metadata(None, position_us=0, playing=False)
    session.controller(Controller(actions=frozenset()))
    session.end(LossReason.TOO_SLOW)
    assert session.loss_reason == LossReason.USER_REQUEST
    assert owner.told.count("ended") == 1


@pytest.mark.parametrize(
    ("closed", "reason"),
    [
        (Closed(), LossReason.CONNECTION_LOST),
        (Closed("reset"), LossReason.CONNECTION_LOST),
        (Closed("bad frame", is_error=True), LossReason.PROTOCOL_ERROR),
    ],
)
async def test_closed_by_the_other_side(owner: Owner, clock: FakeClock, closed: Closed, reason: LossReason) -> None:
    client, session = await open_session(owner)
    client.transport.feed(closed)
    await clock.sleep(1)
    assert (session.loss_reason, session.detail) == (reason, closed.detail)


async def test_a_bug_of_ours_ends_this_session_alone(owner: Owner, caplog: pytest.LogCaptureFixture) -> None:
    _, other = await open_session(owner)
    owner.error = RuntimeError("bug")
    _, session = await open_session(owner)
    assert session.loss_reason == LossReason.PROTOCOL_ERROR
    assert not other.is_over
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_cancelled_is_over_at_once(owner: Owner, clock: FakeClock) -> None:
    client, session = await open_session(owner)
    assert client.task is not None
    client.task.cancel()
    await clock.sleep(1)
    assert (session.loss_reason, client.transport.is_aborted) == (LossReason.SERVER_STOPPED, True)


async def test_what_is_lenient_is_logged_with_the_name_whatever_is_in_it(
    owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = MemoryClient("100%s %d").connect(owner.serve)
    client.introduce()
    client.say("client/unheard-of", {})
    await owner.clock.sleep(1)
    assert any(text.startswith("100%s %d: ") and "unheard-of" in text for text in caplog.messages)
