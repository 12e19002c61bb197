"""Groups that are there for good: whom they gather, whom they let go, and that nobody else hears a difference."""

from collections.abc import AsyncIterator, Mapping, Sequence

from hypothesis import given, strategies as st
import pytest

from core.errors import FormatError, MediaOpenError, UnknownTargetError
from core.events import PlaybackEnded
from core.formats import Codec, StreamFormat
from core.media.media_stream import MediaStream
from core.media.request import MediaRequest
from core.media.source import SourceInfo
from core.queue import Queue
from core.server.rosters import Rosters
from core.server.snapshot import PlaybackState
from core.units import ClientId, GroupId
from tests.fakes.client import MemoryClient
from tests.fakes.home import Home
from tests.fakes.hum import Hum, hum

KITCHEN, BATH, ATTIC, HALL = (ClientId(name) for name in ("kitchen", "bath", "attic", "hall"))
DOWN, UP = GroupId("down"), GroupId("up")


@pytest.fixture
async def house() -> AsyncIterator[Home]:
    home = Home()
    for name in (KITCHEN, BATH, ATTIC):
        await home.join(name)
    home.server.define_group(DOWN, "Downstairs", [KITCHEN, BATH, HALL])
    yield home
    await home.server.close()


def members(house: Home, group_id: GroupId = DOWN) -> tuple[ClientId, ...]:
    return house.group(group_id).members


def state(house: Home, group_id: GroupId = DOWN) -> PlaybackState:
    return house.group(group_id).state


def are_alone(house: Home, *client_ids: ClientId) -> bool:
    groups = [house.server.snapshot.groups[house.group_of(client_id)] for client_id in client_ids]
    return all(group.members == (client_id,) for group, client_id in zip(groups, client_ids, strict=True))


def gaps(client: MemoryClient) -> set[int]:
    """The distances of consecutive chunks: one, where nothing was missed."""
    return {later - sooner for (sooner, _), (later, _) in zip(client.audio, client.audio[1:], strict=False)}


async def test_playing_on_it_gathers_who_is_there_and_its_end_lets_them_go(house: Home) -> None:
    assert members(house) == ()
    assert house.group(DOWN).is_named
    await house.server.play(DOWN, hum(3))
    assert members(house) == (KITCHEN, BATH)
    await house.pass_s(2)
    kitchen, bath = house.clients["kitchen"], house.clients["bath"]
    assert kitchen.audio[0] == bath.audio[0]
    assert state(house) == PlaybackState.PLAYING
    await house.pass_s(5)
    assert state(house) == PlaybackState.IDLE
    assert members(house) == ()
    assert are_alone(house, KITCHEN, BATH)
    assert house.clients["attic"].audio == []
    assert house.events[-1] == PlaybackEnded(group_id=DOWN, client_ids=(KITCHEN, BATH))


async def test_paused_it_keeps_them_and_stopped_it_lets_them_go(house: Home) -> None:
    await house.server.play(DOWN, hum())
    await house.pass_s(2)
    await house.server.pause(KITCHEN)
    await house.pass_s(60)
    assert members(house) == (KITCHEN, BATH)
    await house.server.resume(DOWN)
    await house.pass_s(2)
    assert state(house) == PlaybackState.PLAYING
    await house.server.stop(BATH)
    assert are_alone(house, KITCHEN, BATH)


async def test_it_takes_its_members_from_what_they_play_and_others_play_on(house: Home) -> None:
    await house.server.join(ATTIC, [KITCHEN])
    await house.server.play(ATTIC, hum())
    await house.pass_s(2)
    await house.server.play(DOWN, hum())
    await house.pass_s(5)
    assert members(house) == (KITCHEN, BATH)
    attic = house.clients["attic"]
    assert "stream/end" not in attic.kinds
    assert len(gaps(attic)) == 1


async def test_nobody_is_moved_for_what_cannot_be_opened_or_heard(house: Home) -> None:
    class Broken(Hum):
        def open(self) -> SourceInfo:
            raise MediaOpenError("gone")

    with pytest.raises(MediaOpenError):
        await house.server.play(DOWN, [MediaRequest(media_id="x", stream=MediaStream(main=Broken(1)))])
    assert are_alone(house, KITCHEN, BATH)
    deaf = StreamFormat(codec=Codec.PCM, sample_rate=48_000, channel_count=2, bit_depth=8)
    await house.join("hall", deaf)
    house.server.define_group(UP, "Upstairs", [HALL])
    with pytest.raises(FormatError):
        await house.server.play(UP, hum())
    assert members(house, UP) == ()
    assert are_alone(house, HALL)


async def test_who_was_joined_by_hand_stays_when_a_medium_cannot_be_opened(house: Home) -> None:
    class Broken(Hum):
        def open(self) -> SourceInfo:
            raise MediaOpenError("gone")

    await house.server.join(DOWN, [ATTIC])
    with pytest.raises(MediaOpenError):
        await house.server.play(DOWN, [MediaRequest(media_id="x", stream=MediaStream(main=Broken(1)))])
    assert members(house) == (ATTIC,)


@pytest.mark.parametrize("was_here", [True, False])
async def test_who_comes_while_it_plays_joins_in(house: Home, was_here: bool) -> None:
    if was_here:
        hall = await house.join("hall")
        hall.transport.lose()
        await house.pass_s(1)
    await house.server.play(DOWN, hum())
    await house.pass_s(2)
    hall = await house.join("hall")
    await house.pass_s(2)
    assert members(house) == (KITCHEN, BATH, HALL)
    assert hall.audio
    assert set(hall.audio) & set(house.clients["kitchen"].audio)
    assert len(gaps(house.clients["kitchen"])) == 1


async def test_who_comes_while_it_is_idle_is_left_alone(house: Home) -> None:
    await house.join("hall")
    assert are_alone(house, HALL)


async def test_a_member_that_is_lost_is_still_one_when_it_comes_back(house: Home) -> None:
    await house.server.play(DOWN, hum())
    await house.pass_s(2)
    house.clients["bath"].transport.lose()
    await house.pass_s(2)
    bath = await house.join("bath")
    await house.pass_s(2)
    assert bath.audio
    assert members(house) == (KITCHEN, BATH)


async def test_who_leaves_stays_away_for_this_playing_only(house: Home) -> None:
    await house.server.play(DOWN, hum())
    await house.server.move(BATH, None)
    house.clients["bath"].transport.lose()
    await house.pass_s(1)
    await house.join("bath")
    assert are_alone(house, BATH)
    await house.server.play(KITCHEN, hum())  # a member: the group as it is
    assert members(house) == (KITCHEN,)
    await house.server.play(DOWN, hum())
    assert members(house) == (KITCHEN, BATH)
    await house.server.move(BATH, None)
    await house.server.stop(DOWN)
    await house.server.play(DOWN, hum())
    assert members(house) == (KITCHEN, BATH)


async def test_who_leaves_and_comes_back_by_hand_is_a_member_again(house: Home) -> None:
    await house.server.play(DOWN, hum())
    await house.server.move(BATH, None)
    await house.server.join(DOWN, [BATH])
    house.clients["bath"].transport.lose()
    await house.pass_s(1)
    await house.join("bath")
    assert members(house) == (KITCHEN, BATH)


async def test_who_is_joined_is_a_guest_for_this_playing_only(house: Home) -> None:
    await house.server.play(DOWN, hum())
    await house.server.join(DOWN, [ATTIC])
    assert members(house) == (KITCHEN, BATH, ATTIC)
    await house.server.stop(ATTIC)
    assert are_alone(house, ATTIC)
    await house.server.play(DOWN, hum())
    assert members(house) == (KITCHEN, BATH)


async def test_a_guest_that_was_joined_before_it_plays_brings_the_whole_group_along(house: Home) -> None:
    await house.server.join(DOWN, [ATTIC])
    await house.server.play(ATTIC, hum())
    assert members(house) == (ATTIC, KITCHEN, BATH)


async def test_the_last_command_wins_between_two_groups(house: Home) -> None:
    house.server.define_group(UP, "Upstairs", [BATH, ATTIC, HALL])
    await house.server.play(DOWN, hum())
    await house.server.play(UP, hum())
    assert (members(house), members(house, UP)) == ((KITCHEN,), (BATH, ATTIC))
    await house.join("hall")
    assert members(house, UP) == (BATH, ATTIC, HALL)
    await house.server.stop(UP)
    assert are_alone(house, BATH, ATTIC, HALL)
    assert state(house) != PlaybackState.IDLE
    await house.server.play(DOWN, hum())
    assert members(house) == (KITCHEN, BATH, HALL)


async def test_it_ends_when_all_were_taken_away_but_paused_it_waits(house: Home) -> None:
    house.server.define_group(UP, "Upstairs", [KITCHEN, BATH])
    await house.server.play(DOWN, hum())
    await house.pass_s(1)
    await house.server.play(UP, hum())
    await house.pass_s(1)
    assert (state(house), members(house)) == (PlaybackState.IDLE, ())
    await house.server.play(DOWN, hum())
    await house.pass_s(1)
    await house.server.pause(DOWN)
    await house.server.play(UP, hum())
    await house.pass_s(1)
    assert (state(house), members(house)) == (PlaybackState.PAUSED, ())
    await house.server.resume(DOWN)
    await house.pass_s(1)
    assert (state(house), members(house)) == (PlaybackState.PLAYING, (KITCHEN, BATH))
    assert state(house, UP) == PlaybackState.IDLE


async def test_edited_while_it_plays(house: Home) -> None:
    await house.server.play(DOWN, hum())
    await house.pass_s(2)
    house.server.define_group(DOWN, "Ground floor", [KITCHEN, ATTIC, HALL])
    await house.pass_s(2)
    assert members(house) == (KITCHEN, ATTIC)
    assert house.group(DOWN).name == "Ground floor"
    assert are_alone(house, BATH)
    kitchen, bath, attic = (house.clients[name] for name in ("kitchen", "bath", "attic"))
    assert kitchen.got("group/update")[-1]["group_name"] == "Ground floor"
    assert "stream/end" not in kitchen.kinds
    assert len(gaps(kitchen)) == 1
    assert bath.kinds[-1] == "stream/end"
    assert attic.kinds[-1] == "audio"
    await house.join("hall")
    assert members(house) == (KITCHEN, ATTIC, HALL)


async def test_edited_while_it_is_idle_nobody_is_moved(house: Home) -> None:
    before = house.server.snapshot.clients
    house.server.define_group(DOWN, "Downstairs", [ATTIC])
    assert house.server.snapshot.clients == before
    await house.server.play(DOWN, hum())
    assert members(house) == (ATTIC,)


async def test_all_its_members_can_be_exchanged_while_it_plays(house: Home) -> None:
    await house.server.play(DOWN, hum())
    await house.pass_s(2)
    house.server.define_group(DOWN, "Downstairs", [ATTIC])
    await house.pass_s(2)
    assert (state(house), members(house)) == (PlaybackState.PLAYING, (ATTIC,))


async def test_removed_while_it_plays(house: Home) -> None:
    await house.server.play(ATTIC, hum())
    await house.server.play(DOWN, hum())
    await house.pass_s(2)
    house.server.remove_group(DOWN)
    await house.pass_s(2)
    assert DOWN not in house.server.snapshot.groups
    assert are_alone(house, KITCHEN, BATH, ATTIC)
    assert house.clients["kitchen"].kinds[-1] == house.clients["bath"].kinds[-1] == "stream/end"
    assert house.clients["attic"].kinds[-1] == "audio"
    for group_id in (DOWN, house.group_of(KITCHEN)):
        with pytest.raises(UnknownTargetError):
            house.server.remove_group(group_id)


async def test_removed_while_nobody_is_in_it(house: Home) -> None:
    house.server.remove_group(DOWN)
    assert DOWN not in house.server.snapshot.groups
    await house.join("hall")
    assert are_alone(house, HALL)


async def test_a_member_that_is_forgotten_while_it_plays(house: Home) -> None:
    await house.server.play(DOWN, hum())
    house.clients["bath"].transport.lose()
    await house.pass_s(1)
    await house.server.forget(BATH)
    assert members(house) == (KITCHEN,)
    house.server.define_group(DOWN, "Downstairs", [KITCHEN])
    assert members(house) == (KITCHEN,)


async def test_an_idle_group_has_the_volume_of_those_it_would_gather(house: Home) -> None:
    for name, volume in (("kitchen", 20), ("bath", 40), ("attic", 90)):
        house.clients[name].say_state(volume=volume)
    await house.pass_s(1)
    assert (house.group(DOWN).volume, house.group(DOWN).can_mute) == (30, True)
    await house.server.set_group_volume(DOWN, 50)
    await house.server.set_group_muted(DOWN, True)
    await house.pass_s(0)
    told = {name: client.got("server/command") for name, client in house.clients.items()}
    assert [[command["player"].get("volume") for command in told[name]] for name in ("kitchen", "bath")] == [
        [40, None],
        [60, None],
    ]
    assert told["attic"] == []
    house.server.define_group(DOWN, "Downstairs", [ATTIC])
    assert house.group(DOWN).volume == 90
    house.server.define_group(DOWN, "Downstairs", [])
    assert (house.group(DOWN).volume, house.group(DOWN).can_set_volume) == (None, False)


# Who belonged together before the server was there


async def test_who_is_expected_in_a_group_comes_there(house: Home) -> None:
    party = GroupId("party")
    house.server.expect({ClientId(name): party for name in ("one", "two", "kitchen")})
    await house.join("one")
    assert members(house, party) == (ClientId("one"),)
    await house.server.play(ClientId("one"), hum())
    two = await house.join("two")
    await house.pass_s(2)
    assert members(house, party) == (ClientId("one"), ClientId("two"))
    assert two.audio
    assert are_alone(house, KITCHEN)  # it was here already


async def test_where_somebody_is_expected_counts_once(house: Home) -> None:
    house.server.expect({HALL: GroupId("party"), ClientId("one"): GroupId("party")})
    await house.join("one")
    (await house.join("hall")).transport.lose()
    await house.pass_s(1)
    await house.server.forget(HALL)
    await house.join("hall")
    assert are_alone(house, HALL)


async def test_expected_in_a_named_group_while_it_plays_and_while_it_does_not(house: Home) -> None:
    one, two = ClientId("one"), ClientId("two")
    house.server.expect({one: DOWN, two: DOWN})
    await house.join(one)
    assert are_alone(house, one)
    await house.server.play(DOWN, hum())
    await house.join(two)
    assert members(house) == (KITCHEN, BATH, two)


async def test_who_was_taken_out_before_stays_away_until_it_plays_anew(house: Home) -> None:
    one, two = ClientId("one"), ClientId("two")
    house.server.define_group(UP, "Upstairs", [one, two], excused=[two])
    queue = Queue().add(hum())
    house.server.restore(UP, queue.at(queue.entries[0].entry_id), position_us=0)
    assert (state(house, UP), house.group(UP).excused) == (PlaybackState.PAUSED, (two,))
    house.server.expect({one: UP, two: GroupId("alone")})
    await house.join(one)
    await house.join(two)
    assert (members(house, UP), members(house, GroupId("alone"))) == ((one,), (two,))
    house.server.define_group(UP, "Up there", [one, two])
    await house.server.resume(UP)
    await house.pass_s(1)
    assert members(house, UP) == (one,)
    await house.server.play(UP, hum())
    assert (members(house, UP), house.group(UP).excused) == ((one, two), ())


async def test_who_is_taken_out_is_shown_until_it_is_idle(house: Home) -> None:
    await house.server.play(DOWN, hum())
    await house.pass_s(2)
    assert house.group(DOWN).excused == ()
    await house.server.move(BATH, None)
    await house.pass_s(1)
    assert house.group(DOWN).excused == (BATH,)
    await house.server.pause(DOWN)
    assert house.group(DOWN).excused == (BATH,)
    await house.server.stop(DOWN)
    assert house.group(DOWN).excused == ()
    assert house.group_of(KITCHEN) != DOWN


def test_only_those_that_it_is_for_are_excused_and_only_of_a_new_one() -> None:
    rosters = Rosters()
    rosters.define(DOWN, [KITCHEN, BATH], [BATH, ATTIC])
    assert rosters.excused(DOWN) == (BATH,)
    rosters.define(DOWN, [KITCHEN, BATH, ATTIC], [KITCHEN])
    assert rosters.excused(DOWN) == (BATH,)
    assert rosters.excused(UP) == ()


async def test_the_server_closes_while_a_named_group_plays(house: Home) -> None:
    await house.server.play(DOWN, hum())
    await house.pass_s(2)
    await house.server.close()
    assert members(house) == (KITCHEN, BATH)


clients = st.lists(st.sampled_from([KITCHEN, BATH, ATTIC]), unique=True)


@given(
    rosters_of=st.fixed_dictionaries({DOWN: clients, UP: clients}),
    commands=st.lists(st.tuples(st.booleans(), st.sampled_from([DOWN, UP, GroupId("party")]), clients)),
)
def test_only_where_it_was_told_to_be_last_a_client_is_wanted(
    rosters_of: Mapping[GroupId, Sequence[ClientId]], commands: Sequence[tuple[bool, GroupId, Sequence[ClientId]]]
) -> None:
    rosters = Rosters()
    for group_id, client_ids in rosters_of.items():
        rosters.define(group_id, client_ids)
    last: dict[ClientId, GroupId] = {}
    for is_begun, group_id, client_ids in commands:
        if is_begun:
            rosters.begin(group_id)
            assert rosters.wanted(group_id) == rosters.members(group_id)
        for client_id in rosters.wanted(group_id) if is_begun else client_ids:
            rosters.moved(client_id, group_id)
            last[client_id] = group_id
        for client_id, where in last.items():
            assert set(rosters.wanting(client_id)) == ({where} if client_id in rosters.members(where) else set())
