"""A voice that says MP3 files: slowly, and the second half of each only when it is told to."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final, override

from homeassistant.components.tts import TextToSpeechEntity, TTSAudioRequest, TTSAudioResponse
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import SPEAK_ON

PIECE_BYTES: Final = 1_000
PIECE_EVERY_S: Final = 0.01


async def async_setup_entry(
    hass: HomeAssistant, entry: ConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the voice."""
    async_add_entities([Voice(entry)])


class Voice(TextToSpeechEntity):
    """Takes the path of a file for the words."""

    _attr_name = "Probe voice"
    _attr_default_language = "en"
    _attr_supported_languages = ["en"]

    def __init__(self, entry: ConfigEntry) -> None:
        self._attr_unique_id = entry.entry_id

    @override
    async def async_stream_tts_audio(self, request: TTSAudioRequest) -> TTSAudioResponse:
        """Speak."""
        words = "".join([piece async for piece in request.message_gen])
        speech = await self.hass.async_add_executor_job(Path(words).read_bytes)
        return TTSAudioResponse("mp3", self._speak(speech))

    async def _speak(self, speech: bytes) -> AsyncGenerator[bytes]:
        may_go_on = self.hass.data[SPEAK_ON]
        may_go_on.clear()
        for at in range(0, len(speech), PIECE_BYTES):
            if at > len(speech) // 2:
                await may_go_on.wait()
            yield speech[at : at + PIECE_BYTES]
            await asyncio.sleep(PIECE_EVERY_S)
