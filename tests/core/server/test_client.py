"""What is shown of one client: made anew when something in it changes, and only then."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from core.events import LossReason
from core.formats import Codec, StreamFormat
from core.server.client import Client
from core.units import ClientId, GroupId
from tests.fakes.session import FakeSession, hello

PCM = StreamFormat(codec=Codec.PCM, sample_rate=48_000, channel_count=2)
HERE = GroupId("here")


def connected() -> tuple[Client, FakeSession]:
    client, session = Client(ClientId("ann")), FakeSession(hello("ann", PCM))
    client.session = session  # type: ignore[assignment]
    return client, session


def test_the_same_object_while_nothing_changes() -> None:
    client, session = connected()
    shown = client.snapshot(HERE)
    session.sent_bytes += 1_000
    assert client.snapshot(HERE) is shown


def _louder(client: Client, session: FakeSession) -> None:
    assert session.state is not None
    session.state = replace(session.state, volume=7)


def _is_sent_something(client: Client, session: FakeSession) -> None:
    session.stream_format = PCM


def _leaves(client: Client, session: FakeSession) -> None:
    client.session = None


def _comes_back_as_another(client: Client, session: FakeSession) -> None:
    client.session = FakeSession(replace(session.hello, name="Anna"))  # type: ignore[assignment]


def _is_lost(client: Client, session: FakeSession) -> None:
    client.loss_reason = LossReason.REPLACED


@pytest.mark.parametrize("change", [_louder, _is_sent_something, _leaves, _comes_back_as_another, _is_lost])
def test_every_change_shows(change: Callable[[Client, FakeSession], None]) -> None:
    client, session = connected()
    shown = client.snapshot(HERE)
    change(client, session)
    assert client.snapshot(HERE) != shown


def test_another_group_shows() -> None:
    client, _ = connected()
    assert (client.snapshot(HERE).group_id, client.snapshot(GroupId("there")).group_id) == (HERE, "there")


def test_it_is_ready_from_its_first_state_on_unless_it_is_used_by_something_else_or_nothing_fits() -> None:
    client, session = connected()
    assert client.snapshot(HERE).is_ready
    assert session.state is not None
    session.state = replace(session.state, is_available=False)
    assert not client.snapshot(HERE).is_ready
    session.state = None
    assert not client.snapshot(HERE).is_ready
    deaf, session = Client(ClientId("ben")), FakeSession(hello("ben"))
    deaf.session = session  # type: ignore[assignment]
    assert not deaf.snapshot(HERE).is_ready
