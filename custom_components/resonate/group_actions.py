"""What actions do with what plays: put it elsewhere, keep it for later, let it begin or end at a time."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from homeassistant.components.media_player import DOMAIN as MEDIA_PLAYER_DOMAIN
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .core.units import US_PER_S, ClientId, GroupId, ServerTimeUs
from .entity import translated
from .media import MediaOrder
from .queue_actions import QueueActions
from .scene import Scene


class GroupActions(QueueActions):
    """Moves what plays in space and time."""

    @translated
    async def async_transfer_queue(self, destination: str) -> None:
        """Let another player go on with what plays here, and with the queue."""
        target = self._target_of(destination)

        async def transfer() -> None:
            await self.coordinator.bridge.async_ask(lambda server: server.transfer(self.target, target))

        await self.async_once(("transfer", target), transfer)

    async def async_snapshot(self) -> None:
        """Keep how it is, in place of what was kept before."""
        group = self._shown_group
        if group is None:
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="refused_not_connected")
        self.coordinator.scenes[self.entity_id] = Scene(
            queue=await self._async_stored(group),
            was_playing=group.is_on,
            volume_level=self.volume_level,
            is_muted=self.is_volume_muted,
        )

    @translated
    async def async_restore(self) -> None:
        """Put it back as it was kept, once."""
        scene = self.coordinator.scenes.get(self.entity_id)
        if scene is None:
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_snapshot")
        if scene.volume_level is not None and self.volume_level is not None:
            await self.async_set_volume_level(scene.volume_level)
        if scene.is_muted is not None and self.is_volume_muted is not None:
            await self.async_mute_volume(scene.is_muted)
        queue = await self._async_build(scene.queue)
        await self.async_reinstate(queue, scene.queue.place.position_us, is_playing=scene.was_playing)
        self.coordinator.scenes.pop(self.entity_id, None)

    @translated
    async def async_play(
        self,
        media_content_id: str,
        media_content_type: str = "music",
        start_at: datetime | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Play on each target's group by itself; all that are given one instant begin at that instant."""
        order = MediaOrder.from_call(media_content_type, media_content_id, self.entity_id, extra or {})
        at = None if start_at is None else self._server_time(start_at)

        async def play() -> None:
            requests = await self.coordinator.late_media.async_requests(order)
            await self.coordinator.bridge.async_ask(lambda server: server.play(self.target, requests, start_at=at))

        await self.async_once(("play", media_content_id), play)

    @translated
    async def async_set_sleep_timer(self, duration: timedelta, fade: timedelta = timedelta()) -> None:
        """Pause after a while, and become quieter before that; in place of a timer that runs already."""
        await self.coordinator.sleep_timers.async_set(
            self.target, duration.total_seconds(), fade_s=min(fade, duration).total_seconds()
        )

    async def async_clear_sleep_timer(self) -> None:
        """Let it play on."""
        await self.coordinator.sleep_timers.async_clear(self.target)

    def _server_time(self, wanted: datetime) -> ServerTimeUs:
        """Return an instant on the server's clock. Raises ServiceValidationError for one that has passed."""
        wait = dt_util.as_utc(wanted) - dt_util.utcnow()
        if wait < timedelta():
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="start_in_the_past")
        return ServerTimeUs(self.coordinator.bridge.clock.now() + round(wait.total_seconds() * US_PER_S))

    def _target_of(self, entity_id: str) -> ClientId | GroupId:
        """Return what another entity of ours stands for. Raises ServiceValidationError for anything else."""
        entry = er.async_get(self.hass).async_get(entity_id)
        if entry is not None and entry.platform == DOMAIN and entry.domain == MEDIA_PLAYER_DOMAIN:
            if (view := self.coordinator.data.devices.get(entry.unique_id)) is not None:
                return view.device.client_id
            if GroupId(entry.unique_id) in self.coordinator.data.groups:
                return GroupId(entry.unique_id)
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="not_our_player",
            translation_placeholders={"entity": entity_id},
        )
