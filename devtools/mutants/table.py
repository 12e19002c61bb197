"""The faults, and who must notice each."""

from dataclasses import dataclass
from typing import Final

_CORE: Final = "custom_components/resonate/core"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One fault: a piece of text that occurs once in a file, what stands there instead, and a test that then fails."""

    name: str
    file: str
    """From the top of the repository."""
    before: str
    after: str
    test: str
    """Node id, as pytest takes it."""


def _fault(name: str, file: str, before: str, after: str, test: str) -> Mutant:
    return Mutant(name=name, file=f"{_CORE}/{file}", before=before, after=after, test=f"tests/core/{test}")


_TOPOLOGY: Final = "test_topology_properties.py::"
_IN_STEP: Final = (
    f"{_TOPOLOGY}test_everybody_hears_the_same_instant_in_time_and_within_its_means_and_others_change_nothing"
)
_THERE_AND_BACK: Final = f"{_TOPOLOGY}test_there_and_back_again_gives_the_same_pipelines_payloads_and_samples"

MUTANTS: Final = (
    # What is heard
    _fault(
        "start off by one frame",
        "stream/streamer.py",
        "stem.reset(convert_index(frame, self._mix_rate, stem.rate))",
        "stem.reset(convert_index(frame, self._mix_rate, stem.rate) + 1)",
        "test_renderer.py::test_a_medium_is_heard_whole_bit_for_bit_once_and_then_the_stream_ends",
    ),
    _fault(
        "a dropped chunk",
        "stream/subscriber.py",
        "        self.number += len(batch)\n",
        "        self.number += len(batch) + (self.number > 40)\n",
        "test_renderer.py::test_a_medium_is_heard_whole_bit_for_bit_once_and_then_the_stream_ends",
    ),
    _fault(
        "swapped lanes",
        "codecs/pcm.py",
        "packed = pack(samples, self.bit_depth)",
        "packed = pack(samples[:, ::-1], self.bit_depth)",
        "encoders/test_encoders.py::test_pcm_is_the_samples",
    ),
    _fault(
        "silence between media",
        "mix/line.py",
        "            track.move(frame)\n            frame = track.end_frame\n",
        "            track.move(frame)\n            frame = track.end_frame + 1\n",
        "test_renderer.py::test_items_follow_each_other_without_a_gap_or_padding",
    ),
    _fault(
        "resume from a chunk's edge",
        "renderer.py",
        "self._head_frame = min(max(timeline.frame_at(now), timeline.anchor_frame), self._head_frame)",
        "self._head_frame = min(max(timeline.frame_at(now) // 1_200 * 1_200, timeline.anchor_frame), self._head_frame)",
        "test_renderer.py::test_pause_ends_at_once_and_resume_goes_on_at_the_first_frame_that_was_not_heard",
    ),
    _fault(
        "dither depends on the split into blocks",
        "audio/pcm.py",
        "at = (frame + done) % DITHER_PERIOD",
        "at = done % DITHER_PERIOD",
        "audio/test_pcm.py::test_any_split_gives_the_same_integers",
    ),
    _fault(
        "resampler not settled at a late start",
        "stream/stem.py",
        " - self._resampler.preroll_frames\n",
        "\n",
        "stream/test_pipeline.py::test_a_settled_start_in_the_middle_gives_what_an_unbroken_one_gives",
    ),
    # When it is heard
    _fault(
        "duration summed instead of computed",
        "stream/pipeline.py",
        "end = timeline.instant(frame + packet_frames, rate)",
        "end = ServerTimeUs(start + len(packet) * 1_000_000 // rate)",
        "stream/test_pipeline.py::test_chunks_join_and_their_content_starts_where_it_was_asked_for",
    ),
    _fault(
        "Opus pre-skip not in the timestamps",
        "stream/pipeline.py",
        "frame = self._index - self._encoder.delay_frames\n",
        "frame = self._index\n",
        "stream/test_pipeline.py::test_chunks_join_and_their_content_starts_where_it_was_asked_for",
    ),
    _fault(
        "lead without the output delay",
        "server/client.py",
        "return max(state.min_buffer_ms, state.required_lead_time_ms, _LEAST_WAIT_MS) + state.output_delay_ms",
        "return max(state.min_buffer_ms, state.required_lead_time_ms, _LEAST_WAIT_MS)",
        "server/test_group.py::test_lead_and_delay_come_from_what_the_player_says",
    ),
    _fault(
        "a late chunk is sent",
        "stream/subscriber.py",
        "if chunk.start >= earliest and self.buffer.can_ever_hold(chunk):",
        "if self.buffer.can_ever_hold(chunk):",
        "stream/test_streamer.py::test_what_is_late_is_stepped_over_and_what_can_never_fit_too",
    ),
    _fault(
        "a scheduled start is forgotten while something plays",
        "renderer.py",
        "if self._timeline is None or self._lineup.coming is not None:",
        "if self._timeline is None:",
        "test_renderer_trouble.py"
        "::test_a_scheduled_replacement_is_met_to_the_microsecond_and_the_old_one_plays_until_then",
    ),
    _fault(
        "the past is made after a standstill",
        "renderer.py",
        "if dry_at > now or ",
        "if dry_at or ",
        "test_renderer_trouble.py"
        "::test_after_a_standstill_it_goes_on_where_players_ran_dry_and_nothing_is_made_for_the_past",
    ),
    # Who is sent what
    _fault(
        "a late joiner is not told its format",
        "stream/subscriber.py",
        "        if not self.knows_format:\n",
        "        if not self.knows_format and not self.pipeline.first_number:\n",
        "test_renderer.py::test_a_late_joiner_hears_the_same_samples_at_the_same_instants_and_costs_no_encoder",
    ),
    _fault(
        "FLAC header missing",
        "stream/pipeline.py",
        "codec_header=self._encoder.header",
        "codec_header=None",
        "stream/test_streamer.py::test_a_start_is_told_once_with_the_first_chunk",
    ),
    _fault(
        "two encoders for equal players",
        "stream/streamer.py",
        "pipeline = self._pipelines.get(key)",
        "pipeline = None",
        "stream/test_streamer.py::test_equal_players_cost_one_encoder_and_one_resampler_and_get_the_same_objects",
    ),
    _fault(
        "the end is lost beside other output",
        "renderer.py",
        "self._merge(self._streamer.stop())\n        if self._timeline is not None:",
        "self._streamer.stop()\n        if self._timeline is not None:",
        "test_renderer.py::test_a_medium_is_heard_whole_bit_for_bit_once_and_then_the_stream_ends",
    ),
    _fault(
        "a playing that was let go of goes on talking",
        "server/performance.py",
        "if self._playback is playback:",
        "if playback is not None:",
        "server/test_group.py::test_what_an_old_playing_has_still_to_say_reaches_nobody",
    ),
    # Players that come, go and change
    _fault(
        "a joiner without its lead",
        "stream/streamer.py",
        "            earliest = ServerTimeUs(now + config.lead_us + START_MARGIN_US)\n",
        "            earliest = ServerTimeUs(now + START_MARGIN_US)\n",
        _IN_STEP,
    ),
    _fault(
        "pipelines without players stay",
        "stream/streamer.py",
        "for key in self._pipelines.keys() - used:",
        "for key in self._pipelines.keys() - used - self._pipelines.keys():",
        _THERE_AND_BACK,
    ),
    _fault(
        "everybody is told a format when one changes",
        "stream/streamer.py",
        "        subscriber.adopt(config)\n        if changed:\n",
        "        subscriber.adopt(config)\n        subscriber.knows_format = False\n        if changed:\n",
        _IN_STEP,
    ),
    _fault(
        "a new capacity is not taken note of",
        "stream/subscriber.py",
        "        self.buffer.capacity_bytes = config.capacity_bytes\n",
        "",
        _IN_STEP,
    ),
    _fault(
        "one that comes back is taken for one that never left",
        "stream/streamer.py",
        "            del self._subscribers[player_id]\n",
        "            pass\n",
        _IN_STEP,
    ),
    _fault(
        "a new format begins before the old one ends",
        "stream/streamer.py",
        "            goes_on = subscriber.buffer.sent_until\n",
        "            goes_on = None\n",
        _IN_STEP,
    ),
    _fault(
        "a late pipeline starts where the first one did",
        "stream/streamer.py",
        "return max(index, convert_index(timeline.anchor_frame, self._mix_rate, rate))",
        "return convert_index(timeline.anchor_frame, self._mix_rate, rate)",
        f"{_TOPOLOGY}test_a_late_joiner_costs_no_packet_that_nobody_can_play",
    ),
    _fault(
        "a resampler for each format",
        "stream/streamer.py",
        "                if stem.first_index <= index:\n",
        "                if stem.first_index == index:\n",
        "stream/test_streamer.py::test_formats_of_one_rate_share_a_resampler_also_those_that_come_late",
    ),
    _fault(
        "two resamplers never meet",
        "stream/streamer.py",
        "if first is not pipeline.stem and first.first_index <= pipeline.next_index:",
        "if first is not pipeline.stem and first.first_index == pipeline.next_index:",
        "stream/test_streamer.py"
        "::test_who_wants_what_a_resampler_began_too_late_for_has_one_of_its_own_until_they_meet",
    ),
    _fault(
        "two steps for each batch",
        "renderer.py",
        "if self._streamer.is_behind(self._head_frame, limits):",
        "if self._streamer.is_behind(self._head_frame, limits) or ready_frames > self._batch_frames:",
        "server/test_playback.py::test_one_step_for_each_batch",
    ),
    _fault(
        "a live source stutters at its edge",
        "mix/stall.py",
        "            or self.track.held_frames >= self._spare_frames\n",
        "            or self.track.held_frames > 0\n",
        "test_renderer_stalls.py::test_a_live_source_that_trickles_shifts_once_and_has_something_in_hand_then",
    ),
    _fault(
        "a wake-up for what is over",
        "renderer.py",
        "            _if_later(self._replace_at(), now),\n",
        "            self._replace_at(),\n",
        "test_renderer_trouble.py"
        "::test_a_scheduled_replacement_without_data_at_its_time_is_waited_for_without_turning_in_circles",
    ),
    _fault(
        "batches are not paced",
        "stream/player_buffer.py",
        "if paced_until > now * PACE + BURST_US or self.held_bytes",
        "if self.held_bytes",
        _IN_STEP,
    ),
    _fault(
        "ten times the pace",
        "stream/player_buffer.py",
        "PACE: Final = 4\n",
        "PACE: Final = 40\n",
        _IN_STEP,
    ),
    _fault(
        "a channel that is heard too early",
        "mix/lineup.py",
        "start_frame - channel.delay_frames",
        "start_frame",
        _IN_STEP,
    ),
    _fault(
        "instants cut to the millisecond",
        "stream/pipeline.py",
        "        start = timeline.instant(frame, rate)\n",
        "        start = ServerTimeUs(timeline.instant(frame, rate) // 1_000 * 1_000)\n",
        _IN_STEP,
    ),
    # What a player holds, and what we do
    _fault(
        "capacity off by a header",
        "stream/player_buffer.py",
        "byte_count = len(chunk.data) + self.header_bytes\n",
        "byte_count = len(chunk.data)\n",
        "stream/test_player_buffer.py::test_header_and_data_count_until_the_end_was_heard",
    ),
    _fault(
        "a clear leaves the account as it was",
        "stream/streamer.py",
        "            subscriber.buffer.clear()\n",
        "",
        "stream/test_streamer.py::test_going_on_elsewhere_clears_those_who_hold_something_and_counts_from_nothing",
    ),
    _fault(
        "no pace",
        "stream/player_buffer.py",
        "self._paced_until = max(self._paced_until, now * PACE) + chunk.duration_us",
        "self._paced_until = 0",
        "test_renderer.py::test_a_buffer_is_filled_at_a_bounded_pace_after_the_first_two_seconds",
    ),
    _fault(
        "reading ahead without bound",
        "server/reader.py",
        "self._frame_count >= us_to_frames(AHEAD_US, self._mix_rate)",
        "self._frame_count < 0",
        "server/test_reader.py::test_it_reads_no_further_than_there_is_room_and_on_when_something_was_taken",
    ),
    # The wire
    _fault(
        "a clock reply behind audio",
        "server/outbox.py",
        'return b"".join(first + parts)',
        'return b"".join(parts + first)',
        "server/test_outbox.py::test_replies_leave_before_messages_before_the_stream_in_one_write",
    ),
    _fault(
        "a clock reply that says when it was asked",
        "protocol/connection.py",
        "received=request.received_at, transmitted=transmitted",
        "received=request.received_at, transmitted=request.received_at",
        "server/test_session.py::test_a_reply_is_never_behind_audio_that_waits",
    ),
    _fault(
        "wrong masks",
        "protocol/websocket.py",
        "np.frombuffer(key, np.uint32)",
        "np.frombuffer(key[::-1], np.uint32)",
        "server/test_websocket.py::test_the_examples_of_the_rfc",
    ),
    _fault(
        "a state replaces the one before",
        "protocol/messages/client_state.py",
        "merged = replace(state, **delta)",
        "merged = ClientState(**delta)",
        "protocol/test_connection_rules.py::test_rule_06_later_states_are_merged_and_reported_when_they_differ",
    ),
    _fault(
        "roles spelled as the first clients do not",
        "protocol/messages/stream.py",
        'serialise("stream/clear", {"server_transmitted": transmitted} | _roles(roles))',
        'serialise("stream/clear", {"server_transmitted": transmitted, "roles": ["player"]})',
        "protocol/test_server_messages.py::test_clear_and_end_name_no_roles",
    ),
    _fault(
        "the oldest era is let in",
        "protocol/messages/client_hello.py",
        'if not any("@" in role for role in roles):',
        "if not roles:",
        "protocol/test_connection_rules.py::test_rule_02_a_client_of_the_oldest_era_is_turned_away",
    ),
    # Sources of their own, feeding by hand, trouble
    _fault(
        "a side counts silence that its track was given",
        "mix/track.py",
        "return frame - self.start_frame - padded",
        "return frame - self.start_frame",
        "test_renderer_sides.py::test_silence_for_want_of_the_main_track_holds_for_its_sides",
    ),
    _fault(
        "a side that broke stays silent",
        "mix/side.py",
        "if self.is_broken else end",
        "if self.is_broken and False else end",
        "test_renderer_sides.py::test_a_side_that_breaks_gives_way_to_the_main_mix_at_that_very_frame",
    ),
    _fault(
        "nobody waits for a side",
        "renderer.py",
        "if all(end >= frame for end in feed_ends(line).values()):",
        "if frame is not None:",
        "test_renderer_sides.py::test_a_start_waits_for_a_side_and_no_longer_than_patience_lasts",
    ),
    _fault(
        "players that hear different things share a feed",
        "server/feeds.py",
        "if others == sides), None)",
        "if others is not None), None)",
        "server/test_feeds.py::test_who_hears_nothing_of_its_own_reads_the_main_feed_and_all_who_are_new_share",
    ),
    _fault(
        "a push never waits",
        "server/push.py",
        "while self._is_full and not self._is_over:",
        "while False:",
        "server/test_push.py::test_a_push_waits_for_room_and_no_more_than_so_much_waits",
    ),
    _fault(
        "pushed audio goes where the last ended, wherever it belongs",
        "server/push.py",
        "        if at_us is None:",
        "        if at_us is None or at_us > self.end_us:",
        "server/test_push.py::test_a_place_that_is_told_is_met_and_there_is_silence_up_to_it",
    ),
    _fault(
        "a live source goes on with nothing in hand",
        "mix/stall.py",
        "self._spare_frames = spare_frames",
        "self._spare_frames = 1",
        "test_renderer_stalls.py::test_a_buffered_source_goes_on_as_soon_as_it_has_anything",
    ),
    _fault(
        "what breaks is taken up for ever",
        "server/restarts.py",
        "if len(self._instants) == MAX_RESTARTS and",
        "if False and",
        "server/test_restarts.py::test_three_a_minute_and_no_more",
    ),
    _fault(
        "a radio is not opened again",
        "server/readings.py",
        "return self._make_again is not None and",
        "return False and",
        "server/test_reconnecting.py::test_what_comes_back_soon_enough_is_not_missed",
    ),
    _fault(
        "a wish does not cancel a stop that is still to come",
        "server/appointment.py",
        "            self._timer.cancel()\n",
        "",
        "server/test_schedule.py::test_what_is_asked_for_before_counts_instead",
    ),
    # The queue
    _fault(
        "a round begins with what ended the one before",
        "queue.py",
        "if entries[0].entry_id == avoid and len(entries) > 1:",
        "if False:",
        "test_queue.py::test_shuffled_endlessly_no_round_begins_with_what_ended_the_one_before",
    ),
    _fault(
        "what is added next is last once it is in order again",
        "queue.py",
        "place = len(unshuffled) if is_last else 0 if before is None else unshuffled.index(before) + 1",
        "place = len(unshuffled)",
        "test_queue.py::test_what_is_next_comes_behind_what_is_heard_and_stays_there_when_it_is_in_order_again",
    ),
    _fault(
        "what is taken out is heard all the same",
        "server/playback.py",
        "        if behind and base.track_id is not None:\n",
        "        if False:\n",
        "server/test_queueing.py::test_what_is_taken_out_is_not_heard",
    ),
    _fault(
        "what was on the wire when it was taken out is heard to its end",
        "server/program.py",
        "        if item.entry_id not in self.queue:\n            return False\n",
        "        if item.entry_id not in self.queue:\n            return True\n",
        "server/test_queueing.py::test_what_was_on_the_wire_when_it_was_taken_out_is_left_as_it_starts",
    ),
    _fault(
        "what is added while another queue is being opened is lost",
        "server/program.py",
        "        self._coming = changed\n",
        "",
        "server/test_queueing.py::test_what_is_added_while_another_queue_is_being_opened_is_not_lost",
    ),
    _fault(
        "a restored queue plays by itself",
        "server/group.py",
        "            self.performance.set_state(PlaybackState.PAUSED)\n        self._changed()\n",
        "            self.performance.set_state(PlaybackState.PLAYING)\n        self._changed()\n",
        "server/test_queueing.py::test_a_restored_queue_is_paused_where_it_was",
    ),
    # What is heard in between
    _fault(
        "music goes on where it was when an announcement was asked for",
        "server/interjections.py",
        "            self._note(standing, standing.position_at(at))\n",
        "            pass\n",
        "server/test_interjections.py::test_music_goes_on_at_the_frame_where_it_was_interrupted",
    ),
    _fault(
        "what was paused plays behind an announcement",
        "server/snapshot.py",
        "        return self.state in AUDIBLE_STATES",
        "        return self.state != PlaybackState.IDLE",
        "server/test_interjections.py::test_what_is_paused_stays_paused_at_its_place",
    ),
    _fault(
        "an announcement that comes during another one is lost",
        "server/performance.py",
        "            self._interject(left)\n",
        "            pass\n",
        "server/test_interjections.py::test_they_come_one_after_another_also_while_one_is_heard",
    ),
    _fault(
        "music behind an announcement that broke is lost",
        "server/performance.py",
        "            self._play_again()\n",
        "            pass\n",
        "server/test_interjections.py::test_one_that_breaks_gives_way_to_the_music",
    ),
)
