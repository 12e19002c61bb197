// Run a real @sendspin/sendspin-js client and tell what it makes of its server: one JSON object a line on stdout.
//
// Same events, options and commands as aiosendspin_driver.py, and `decoded`, one for each chunk that the library handed
// out as samples: these go to --decoded, interleaved float32. The library's core is used whole (protocol, clock, decoder),
// its scheduler (Web Audio) is not. What a browser would bring and Node does not:
//   WebSocket            of the package ws
//   AudioDecoder         says that it cannot decode Opus; then the library offers Opus and decodes it by its own WASM
//   OfflineAudioContext  decodes FLAC to nothing: who reads --audio decodes it
import { openSync, writeSync } from "node:fs";
import { createRequire, register } from "node:module";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const CLOCK_REPORT_MS = 250;

const { values: options } = parseArgs({
  options: {
    environment: { type: "string" },
    url: { type: "string" },
    listen: { type: "string" },
    id: { type: "string" },
    name: { type: "string" },
    codec: { type: "string", multiple: true },
    "buffer-capacity": { type: "string", default: "1000000" },
    audio: { type: "string" },
    decoded: { type: "string" },
  },
});

function emit(event, fields = {}) {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

// The library talks through the console: what it warns of becomes an event, the rest is chatter.
console.log = (...words) => console.info(...words);
console.info = (...words) => process.stderr.write(`${words.join(" ")}\n`);
for (const level of ["warn", "error"]) {
  console[level] = (...words) => emit("log", { level, message: words.join(" ") });
}

const modules = resolve(options.environment, "node_modules");
const { WebSocket, WebSocketServer } = createRequire(join(modules, "_"))("ws");
globalThis.WebSocket = WebSocket;
globalThis.AudioDecoder = { isConfigSupported: async () => ({ supported: false }) };
globalThis.OfflineAudioContext = class {
  async decodeAudioData() {
    return { numberOfChannels: 0, sampleRate: 0 };
  }
};
register("./resolve.mjs", import.meta.url);
const { SendspinCore } = await import(pathToFileURL(join(modules, "@sendspin/sendspin-js/dist/index.js")));

const audio = openSync(options.audio, "w");
const decoded = openSync(options.decoded, "w");
let written = 0;
let core = null;
let stopListening = () => {};

// What arrives, before the library sees it: it has no listener for most of it.
const TOLD = {
  "server/hello": (payload) => emit("hello", payload),
  "stream/start": (payload) => payload.player && emit("stream_start", payload.player),
  "stream/clear": (payload) => emit("stream_clear", { ...payload, at: serverNow() }),
  "stream/end": (payload) => emit("stream_end", { ...payload, at: serverNow() }),
  "group/update": (payload) => emit("group", payload),
  "server/state": (payload) => payload.metadata && emit("metadata", payload.metadata),
  "server/command": (payload) => payload.player && emit("command", payload.player),
};

// What the client takes the server's clock for.
function serverNow() {
  return core.timeSyncInfo.synced ? Math.round(core.getCurrentServerTimeUs()) : undefined;
}

function received(data) {
  if (typeof data === "string") {
    const { type, payload } = JSON.parse(data);
    TOLD[type]?.(payload);
    return;
  }
  const message = Buffer.from(data);
  if (message[0] !== 4) return;
  const timestamp = Number(message.readBigInt64BE(1));
  const bytes = writeSync(audio, message.subarray(9));
  emit("chunk", { timestamp, offset: written, bytes, at: serverNow() });
  written += bytes;
}

function sent(text) {
  const { type, payload } = JSON.parse(text);
  if (type === "client/state" && Object.keys(payload.player).length > 0) emit("state", payload.player);
}

function makeCore(where) {
  core = new SendspinCore({
    playerId: options.id,
    clientName: options.name,
    codecs: options.codec,
    bufferCapacity: Number(options["buffer-capacity"]),
    ...where,
  });
  core.onAudioData = ({ samples, sampleRate, serverTimeUs }) => {
    const frames = samples[0]?.length ?? 0;
    const block = Buffer.alloc(frames * samples.length * 4);
    samples.forEach((lane, index) => {
      for (let frame = 0; frame < frames; frame++) {
        block.writeFloatLE(lane[frame], (frame * samples.length + index) * 4);
      }
    });
    writeSync(decoded, block);
    emit("decoded", { timestamp: serverTimeUs, frames, sample_rate: sampleRate });
  };
  core.onConnectionClose = () => emit("disconnected");
  return core;
}

// Listen in on every socket the library opens or is given.
const { get, set } = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage");
Object.defineProperty(WebSocket.prototype, "onmessage", {
  get,
  set(handler) {
    set.call(this, handler && ((event) => (received(event.data), handler(event))));
  },
});
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data, ...rest) {
  sent(data);
  return send.call(this, data, ...rest);
};

if (options.url) {
  await makeCore({ baseUrl: options.url.replace(/^ws/, "http") }).connect();
} else {
  const server = new WebSocketServer({ host: "127.0.0.1", port: Number(options.listen), path: "/sendspin" });
  server.on("listening", () => emit("listening", { port: server.address().port }));
  server.on("connection", (webSocket) => makeCore({ webSocket }).connect());
  stopListening = () => server.close();
}

const clock = setInterval(() => {
  if (!core?.isConnected || serverNow() === undefined) return;
  emit("clock", {
    error_us: core._timeFilter.error,
    // Against a clock that all on this machine share.
    server_minus_monotonic_us: serverNow() - Number(process.hrtime.bigint() / 1000n),
  });
}, CLOCK_REPORT_MS);

function leave() {
  clearInterval(clock);
  console.warn = console.info; // what is still under way is of no use to it any more, and it says so
  core?.disconnect("user_request");
  stopListening();
}

const commands = createInterface({ input: process.stdin });
commands.on("line", (line) => {
  const command = JSON.parse(line);
  if (command.do === "state") {
    core.setVolume(command.volume);
    core.setMuted(command.muted);
  } else if (command.do === "leave") {
    process.stdin.destroy();
    leave();
  }
});
