"""The real client libraries: how each is started, and what it got."""

from dataclasses import dataclass
from pathlib import Path

from .processes import ROOT, Event, JsonProcess

ENVIRONMENTS = ROOT / ".envs" / "clients"
DRIVERS = Path(__file__).parent / "clients"


@dataclass(frozen=True, slots=True, kw_only=True)
class WireFormat:
    """A format as a client lists it."""

    codec: str = "pcm"
    sample_rate: int = 48_000
    bit_depth: int = 16
    channels: int = 2

    def __str__(self) -> str:
        """Return the drivers' spelling."""
        return f"{self.codec}:{self.sample_rate}:{self.bit_depth}:{self.channels}"


@dataclass(frozen=True, slots=True)
class ReceivedChunk:
    """An audio chunk as it came out of the library."""

    timestamp: int
    """µs of the server's clock."""
    data: bytes


@dataclass(frozen=True, slots=True)
class Aiosendspin:
    """The Python library, which the reference players are made of."""

    version: str
    leaves_as: str

    @property
    def name(self) -> str:
        """Name and version."""
        return f"aiosendspin-{self.version}"

    def command(self, formats: tuple[WireFormat, ...], folder: Path, name: str) -> list[str | Path]:
        """Return the command line of a player with exactly these formats."""
        return [
            ENVIRONMENTS / self.name / "bin" / "python",
            DRIVERS / "aiosendspin_driver.py",
            *(word for entry in formats for word in ("--format", str(entry))),
            *("--audio", folder / f"{name}.audio"),
        ]


@dataclass(frozen=True, slots=True)
class SendspinJs:
    """The JavaScript library; it lists 48 and 44.1 kHz of each codec, 16 bit, stereo, and nothing else."""

    version: str
    leaves_as: str

    @property
    def name(self) -> str:
        """Name and version."""
        return f"sendspin-js-{self.version}"

    def command(self, formats: tuple[WireFormat, ...], folder: Path, name: str) -> list[str | Path]:
        """Return the command line of a player with the codecs of these formats."""
        environment = ENVIRONMENTS / "sendspin-js"
        return [
            environment / "bin" / "node",
            DRIVERS / "sendspin_js_driver.mjs",
            *("--environment", environment),
            *(word for entry in formats for word in ("--codec", entry.codec)),
            *("--audio", folder / f"{name}.audio"),
            *("--decoded", folder / f"{name}.decoded"),
        ]


type Library = Aiosendspin | SendspinJs

# Only 6.0 and later can say goodbye; the older ones close the connection.
AIOSENDSPIN_3 = Aiosendspin("3.0.1", leaves_as="connection_lost")
AIOSENDSPIN_4 = Aiosendspin("4.4.0", leaves_as="connection_lost")
AIOSENDSPIN_6 = Aiosendspin("6.0.0", leaves_as="user_request")
SENDSPIN_JS = SendspinJs("3.2.1", leaves_as="user_request")
LIBRARIES: tuple[Library, ...] = (AIOSENDSPIN_3, AIOSENDSPIN_4, AIOSENDSPIN_6, SENDSPIN_JS)


class RealPlayer(JsonProcess):
    """One running player of a real library."""

    def __init__(
        self,
        library: Library,
        formats: tuple[WireFormat, ...],
        folder: Path,
        *,
        client_id: str,
        url: str | None = None,
        port: int = 0,
    ) -> None:
        """Start it: it connects to `url`, or else waits on `port` (0: any) to be dialled."""
        name = f"{client_id}-{len(list(folder.glob('*.audio')))}"
        command = library.command(formats, folder, name)
        assert Path(command[0]).exists(), f"{library.name} is not there: run script/setup-clients"
        where = ["--url", url] if url else ["--listen", str(port)]
        super().__init__([*command, "--id", client_id, "--name", client_id, *where], folder, name)
        self.client_id = client_id
        self._audio = folder / f"{name}.audio"
        self.decoded_file = folder / f"{name}.decoded"
        """What the library itself decoded, float32; only of libraries that decode."""

    def chunks(self, *, since: int = 0, until: int | None = None) -> list[ReceivedChunk]:
        """Return the chunks told of between two of its events."""
        chunks = [told for told in self.events[since:until] if told["event"] == "chunk"]
        audio = self._audio.read_bytes()
        return [
            ReceivedChunk(told["timestamp"], audio[told["offset"] : told["offset"] + told["bytes"]]) for told in chunks
        ]

    def warnings(self) -> list[Event]:
        """Return what the library complained about: our fault, as a rule."""
        return self.told("log")
