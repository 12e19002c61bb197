"""The protocol's time filter: a Kalman filter of two states, the offset of the server's clock and its drift."""

from typing import Final

DRIFT_PROCESS_SIGMA: Final = 1e-11  # µs of drift per µs, per root µs
FORGETTING_FACTOR: Final = 2.0
RESIDUAL_LIMIT: Final = 3.0  # times max_error
FORGETTING_AFTER: Final = 100  # samples
MEASUREMENT_SCALE: Final = 0.5  # standard deviation = this times max_error
DRIFT_SIGNIFICANCE: Final = 2.0  # sigmas
_SMALLEST_SIGMA_US: Final = 0.5  # stamps are whole µs: an exchange without any delay is still not exact
_FIRST_DRIFT_SIGMA: Final = 500e-6  # no crystal is worse, so an early drift cannot run away


class TimeFilter:
    """Estimates `server = local + offset + drift * (local - last)`; all times in µs."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.sample_count = 0
        self.forgotten_count = 0
        self.offset_us = 0.0
        self._drift = 0.0
        self._last_us = 0
        self._offset_variance = 0.0
        self._cross = 0.0
        self._drift_variance = _FIRST_DRIFT_SIGMA**2

    @property
    def drift(self) -> float:
        """The server's rate over the local one, less one, as used in conversions: 0 while it is not significant."""
        return self._drift if abs(self._drift) > DRIFT_SIGNIFICANCE * self.drift_sigma else 0.0

    @property
    def drift_estimate(self) -> float:
        """The estimated drift, significant or not."""
        return self._drift

    @property
    def drift_sigma(self) -> float:
        """The standard deviation of the drift."""
        return float(self._drift_variance**0.5)

    @property
    def offset_sigma_us(self) -> float:
        """The standard deviation of the offset."""
        return float(self._offset_variance**0.5)

    def add(self, offset_us: float, max_error_us: float, at_us: int) -> None:
        """Take an offset measured at the local instant `at_us`, true within `max_error_us`; older ones are ignored."""
        variance = max(MEASUREMENT_SCALE * max_error_us, _SMALLEST_SIGMA_US) ** 2
        if self.sample_count == 0:
            self.offset_us, self._offset_variance = float(offset_us), variance
        elif at_us <= self._last_us:
            return
        else:
            self._predict(at_us - self._last_us)
            self._correct(offset_us - self.offset_us, max_error_us, variance)
        self._last_us = at_us
        self.sample_count += 1

    def to_server(self, local_us: float) -> float:
        """Return the server's instant at a local one."""
        return local_us + self.offset_us + self.drift * (local_us - self._last_us)

    def to_local(self, server_us: float) -> float:
        """Return the local instant at one of the server's: the inverse of `to_server`."""
        return self._last_us + (server_us - self.offset_us - self._last_us) / (1 + self.drift)

    def _predict(self, elapsed_us: int) -> None:
        self.offset_us += self._drift * elapsed_us
        self._offset_variance += elapsed_us * (2 * self._cross + self._drift_variance * elapsed_us)
        self._cross += self._drift_variance * elapsed_us
        self._drift_variance += DRIFT_PROCESS_SIGMA**2 * elapsed_us

    def _correct(self, residual_us: float, max_error_us: float, variance: float) -> None:
        limit_us = RESIDUAL_LIMIT * max(max_error_us, 2 * _SMALLEST_SIGMA_US)
        if self.sample_count >= FORGETTING_AFTER and abs(residual_us) > limit_us:
            self.forgotten_count += 1
            self._offset_variance *= FORGETTING_FACTOR**2
            self._cross *= FORGETTING_FACTOR**2
            self._drift_variance *= FORGETTING_FACTOR**2
        total = self._offset_variance + variance
        gain_offset, gain_drift = self._offset_variance / total, self._cross / total
        self.offset_us += gain_offset * residual_us
        self._drift += gain_drift * residual_us
        self._drift_variance -= gain_drift * self._cross
        self._cross *= 1 - gain_offset
        self._offset_variance *= 1 - gain_offset
