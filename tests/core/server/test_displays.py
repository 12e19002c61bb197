"""What displays show while media come and go: each image once, when its medium is heard, and never before audio."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from core.errors import MediaOpenError
from core.media import picture as picture_module
from core.media.media_stream import MediaStream
from core.media.request import ByteStream, MediaRequest, PictureLocation
from core.server import pictures as pictures_module
from core.server.display import IMAGE_EVERY_US
from core.server.snapshot import PlaybackState
from core.units import ClientId, GroupId
from tests.fakes.client import MemoryClient
from tests.fakes.home import Home, at_home
from tests.fakes.media import PiecewiseStream
from tests.fakes.pictures import GREEN, RED, picture_file, shown
from tests.fakes.rig import ramp
from tests.fakes.stage import Material

ALBUM = {"source": "album", "format": "png", "media_width": 32, "media_height": 32}
ROLES = ["player@v1", "metadata@v1", "artwork@v1"]
RED_PICTURE = picture_file(colour=RED, name="PNG")
GREEN_PICTURE = picture_file(colour=GREEN, name="PNG")


def music(artwork: PictureLocation | None, *, seconds: int = 2, name: str = "music") -> MediaRequest:
    material = Material(ramp(48_000), repeats=seconds)
    return MediaRequest(media_id=name, stream=MediaStream(main=material), artwork=artwork)


async def display(home: Home, name: str, *channels: dict[str, object], **changes: object) -> MemoryClient:
    support = {"channels": list(channels or (ALBUM,))}
    changes = {"supported_roles": ROLES, "artwork@v1_support": support} | changes
    return await home.join(name, **changes)  # type: ignore[arg-type]


def colours(client: MemoryClient, channel: int = 0) -> list[object]:
    """What a channel showed, one after the other, by the colour in its middle; None: nothing."""
    images = [image for number, image in client.images if number == channel]
    return [shown(image).convert("RGB").getpixel((16, 16)) if image else None for image in images]


async def test_a_display_shows_what_is_heard_and_nothing_afterwards() -> None:
    async with at_home() as home:
        ann = await display(home, "ann")
        assert [start["artwork"] for start in ann.got("stream/start")] == [
            {"channels": [{"source": "album", "format": "png", "width": 32, "height": 32}]}
        ]
        assert colours(ann) == [None]
        await home.server.play(ClientId("ann"), [music(RED_PICTURE), music(GREEN_PICTURE, name="two")])
        await home.pass_s(1)
        assert colours(ann) == [None, RED]
        await home.pass_s(4)
        assert colours(ann) == [None, RED, GREEN, None]
        assert [end["roles"] for end in ann.got("stream/end")] == [["player"]]


async def test_the_next_picture_is_there_when_its_medium_is_heard_and_not_before() -> None:
    async with at_home() as home:
        ann = await display(home, "ann")
        await home.server.play(ClientId("ann"), [music(RED_PICTURE), music(GREEN_PICTURE, name="two")])
        while (group := home.server.snapshot.groups[home.group_of(ClientId("ann"))]).medium is None or (
            group.medium.media_id != "two"
        ):
            assert GREEN not in colours(ann)
            await home.pass_s(0.01)
        await home.pass_s(IMAGE_EVERY_US / 1e6)
        assert colours(ann)[-1] == GREEN
        assert group.medium.artwork_digest is not None
        assert (picture := await home.server.picture(ClientId("ann"))) is not None
        assert (picture.data, picture.digest) == (GREEN_PICTURE, group.medium.artwork_digest)


async def test_equal_pictures_are_sent_once_and_a_pause_keeps_them() -> None:
    async with at_home() as home:
        ann = await display(home, "ann")
        await home.server.play(ClientId("ann"), [music(RED_PICTURE), music(bytes(RED_PICTURE), name="two", seconds=9)])
        await home.pass_s(4)
        await home.server.pause(ClientId("ann"))
        await home.pass_s(4)
        assert colours(ann) == [None, RED]
        await home.server.resume(ClientId("ann"))
        await home.pass_s(1)
        await home.server.stop(ClientId("ann"))
        await home.pass_s(1)
        assert colours(ann) == [None, RED, None]


async def test_a_picture_is_made_once_for_all_that_show_it_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    make = picture_module.make_image

    def count(*args: object) -> bytes:
        made.append(args[1])
        return make(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(pictures_module, "make_image", count)
    async with at_home() as home:
        names = [f"display {number}" for number in range(20)]
        clients = [await display(home, name) for name in names]
        clients.append(await display(home, "large", ALBUM | {"media_width": 64, "media_height": 64}))
        await home.gather("g", *names, "large")
        await home.server.play(GroupId("g"), [music(RED_PICTURE)])
        await home.pass_s(1)
        assert all(client.images[-1][1] for client in clients)
        assert len(made) == 2


async def test_who_joins_shows_what_the_group_plays_and_who_leaves_nothing() -> None:
    async with at_home() as home:
        ann, bob = await display(home, "ann"), await display(home, "bob")
        await home.server.play(ClientId("ann"), [music(RED_PICTURE, seconds=60)])
        await home.pass_s(1)
        await home.server.join(ClientId("ann"), [ClientId("bob")])
        await home.pass_s(1)
        assert colours(bob) == [None, RED]
        await home.server.move(ClientId("bob"), None)
        await home.pass_s(1)
        assert colours(bob) == [None, RED, None]
        assert colours(ann) == [None, RED]


async def test_who_comes_back_is_shown_it_again() -> None:
    async with at_home() as home:
        ann = await display(home, "ann")
        await home.server.play(ClientId("ann"), [music(RED_PICTURE, seconds=60)])
        await home.pass_s(1)
        ann.transport.lose()
        await home.pass_s(1)
        back = await display(home, "ann")
        await home.pass_s(1)
        assert colours(back) == [RED]


async def test_a_change_of_what_is_declared_is_met() -> None:
    async with at_home() as home:
        ann = await display(home, "ann", ALBUM, ALBUM)
        await home.server.play(ClientId("ann"), [music(RED_PICTURE, seconds=60)])
        await home.pass_s(1)
        before = len(ann.images)
        ann.say("stream/request-format", {"artwork": {"channel": 1, "media_width": 40, "media_height": 20}})
        await home.pass_s(1)
        ((channel, image),) = ann.images[before:]
        assert (channel, shown(image).size) == (1, (40, 20))
        ann.say("stream/request-format", {"artwork": {"channel": 1, "source": "none"}})
        await home.pass_s(1)
        assert ann.images[-1] == (1, b"")
        ann.say("stream/request-format", {"artwork": {"channel": 0, "source": "none"}})
        await home.pass_s(1)
        assert ann.got("stream/end")[-1] == {"roles": ["artwork"]}
        assert len(ann.got("stream/start")) == 4
        ann.say("stream/request-format", {"artwork": {"channel": 0, "source": "album"}})
        await home.pass_s(1)
        assert (ann.images[-1][0], colours(ann)[-1]) == (0, RED)


async def test_no_pictures_of_artists_and_none_where_none_is_wanted() -> None:
    async with at_home() as home:
        ann = await display(home, "ann", {"source": "none"}, ALBUM | {"source": "artist"}, ALBUM)
        await home.server.play(ClientId("ann"), [music(RED_PICTURE)])
        await home.pass_s(1)
        assert [(channel, bool(image)) for channel, image in ann.images] == [(1, False), (2, False), (2, True)]


async def test_who_is_used_by_something_else_is_sent_nothing_until_it_is_back() -> None:
    async with at_home() as home:
        ann = await display(home, "ann")
        ann.say("client/state", {"state": "external_source"})
        await home.pass_s(1)
        assert ann.got("stream/end")[-1] == {"roles": ["artwork"]}
        await home.server.play(ClientId("ann"), [music(RED_PICTURE, seconds=60)])
        await home.pass_s(1)
        assert colours(ann) == [None]
        ann.say("client/state", {"state": "synchronized"})
        await home.pass_s(1)
        assert colours(ann) == [None, RED]


async def test_a_display_alone_needs_no_state() -> None:
    async with at_home() as home:
        ann = MemoryClient("ann").connect(home.server.accept)
        support = {"channels": [ALBUM]}
        ann.say_hello(supported_roles=["artwork@v1"], **{"artwork@v1_support": support, "player@v1_support": None})
        await home.pass_s(0)
        assert ann.kinds == ["server/hello", "group/update", "stream/start", "image"]


async def test_one_that_declares_five_pictures_is_turned_away() -> None:
    async with at_home() as home:
        ann = await display(home, "ann", *[ALBUM] * 5)
        assert not home.server.snapshot.clients
        assert ann.got("server/hello") == []


async def test_the_images_of_a_display_come_one_by_one() -> None:
    async with at_home() as home:
        ann = await display(home, "ann", *[ALBUM] * 4)
        await home.server.play(ClientId("ann"), [music(RED_PICTURE, seconds=60)])
        counts = []
        for _ in range(200):
            counts.append(sum(bool(image) for _, image in ann.images))
            await home.clock.sleep(IMAGE_EVERY_US // 5)
        assert counts[-1] == 4
        steps = [index for index in range(1, 200) if counts[index] > counts[index - 1]]
        assert len(steps) == 4
        assert all(later - earlier >= 5 for earlier, later in pairwise(steps))


def _refuse() -> ByteStream:
    raise MediaOpenError("no")


@pytest.mark.parametrize(
    "artwork", [None, b"", b"no picture", RED_PICTURE[:60], _refuse, lambda: PiecewiseStream(b"x" * 100)]
)
async def test_without_a_picture_the_display_stays_empty(artwork: PictureLocation | None) -> None:
    async with at_home() as home:
        ann = await display(home, "ann")
        await home.server.play(ClientId("ann"), [music(artwork)])
        await home.pass_s(1)
        assert not any(image for _, image in ann.images)
        assert ann.audio


async def test_audio_waits_for_no_picture() -> None:
    async with at_home() as home:
        ann = await display(home, "ann")
        finder_gate: list[Callable[[], None]] = []

        class Slow(PiecewiseStream):
            def read(self, byte_count: int, /) -> bytes:
                finder_gate.append(self.close)
                return super().read(byte_count)

        await home.server.play(ClientId("ann"), [music(lambda: Slow(RED_PICTURE, [7]), seconds=60)])
        await home.pass_s(1)
        assert ann.audio
        state = home.server.snapshot.groups[home.group_of(ClientId("ann"))].state
        assert state is PlaybackState.PLAYING
        assert finder_gate


async def test_a_player_without_a_display_is_sent_no_picture() -> None:
    async with at_home() as home:
        ann = await home.join("ann")
        await home.server.play(ClientId("ann"), [music(RED_PICTURE)])
        await home.pass_s(1)
        assert ann.images == []
        assert "roles" not in ann.got("stream/start")[0]
