"""A remote plugin host in Python, of nothing but its standard library: the wire protocol of
sdk/protocol.ts with msgpack payloads. `serve` runs a plugin for every gateway that connects."""

import base64
import os
import socketserver
import struct
import time
import types

import msgpack

PROTOCOL = 1
FRAME_BYTES_MAX = 8 * 1024 * 1024
PHASES = (
    "certificate", "preread", "rewrite", "access", "beforeProxy",
    "response", "headerFilter", "bodyFilter", "log",
)  # fmt: skip

HELLO, WELCOME, LOAD, CONFIGURE, CALL, RESULT, FAILED = 1, 2, 3, 4, 5, 6, 7
EFFECT, EFFECT_RESULT, CANCEL, PING, ACK, STATS, CLOSE = 8, 9, 10, 11, 12, 13, 14


class ProtocolError(Exception):
    """The gateway broke the protocol: the connection cannot be used any more."""


class EffectFailed(Exception):
    """Thrown into a handler whose effect failed; `code` is that of the PDK's error."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Effect:
    """What a handler yields to have the gateway do something for it."""

    def __init__(self, member, args):
        self.member = member
        self.args = args


class Call:
    """What a handler gets: the view of the request, and the changes that it records."""

    def __init__(self, view):
        self.view = view
        self.changes = []
        self.decided = False

    def header(self, name):
        """The first value of a request header, or None."""
        headers = self.view["requestHeaders"]
        for at in range(0, len(headers), 2):
            if headers[at].lower() == name.lower():
                return headers[at + 1]
        return None

    def change(self, member, *args):
        """Records a change of the PDK, such as `response.setHeader`; bytes cross in base64."""
        self.changes.append([member, *(to_crossing(arg) for arg in args)])

    def log(self, level, text):
        self.change(f"log.{level}", text)

    def exit(self, status, body=None, headers=None):
        """Answers the request; return after it."""
        if self.decided:
            return
        self.decided = True
        self.change("response.exit", status, body, headers)

    def effect(self, member, *args):
        """To be yielded: `body = yield call.effect('request.getRawBody')`."""
        return Effect(member, list(args))


def to_crossing(value):
    if isinstance(value, (bytes, bytearray)):
        return {"base64": base64.b64encode(value).decode()}
    return value


def from_crossing(value):
    if isinstance(value, dict) and list(value) == ["base64"]:
        return base64.b64decode(value["base64"])
    return value


class Connection(socketserver.StreamRequestHandler):
    """One gateway. Work is done strictly in order; a handler that has yielded waits meanwhile."""

    plugin = None

    def setup(self):
        super().setup()
        self.instances = {}
        self.waiting = {}  # call id -> (call, generator)
        self.effects = {}  # effect id -> call id
        self.next_effect = 1
        self.greeted = False

    def handle(self):
        try:
            while (frame := self.read_frame()) is not None:
                self.take(frame)
        except (ProtocolError, msgpack.MsgpackError, OSError) as error:
            print(f"a connection ended: {error}", flush=True)

    def read_frame(self):
        head = self.rfile.read(4)
        if len(head) < 4:
            return None
        (length,) = struct.unpack("<I", head)
        if not 0 < length <= FRAME_BYTES_MAX:
            raise ProtocolError(f"a frame of {length} bytes")
        data = self.rfile.read(length)
        if len(data) < length:
            raise ProtocolError("the stream ended within a frame")
        return msgpack.decode(data)

    def send(self, *frame):
        data = msgpack.encode(list(frame))
        self.wfile.write(struct.pack("<I", len(data)) + data)

    def take(self, frame):
        if not isinstance(frame, list) or len(frame) < 2:
            raise ProtocolError("a frame holds an array of a type and an id")
        kind, id, *fields = frame
        if self.greeted == (kind == HELLO):
            raise ProtocolError("the first frame is hello, and no other is")
        try:
            work = {
                HELLO: self.greet, LOAD: self.load, CONFIGURE: self.configure, CALL: self.call,
                EFFECT_RESULT: self.effect_result, CANCEL: self.cancel, PING: self.ping,
                STATS: self.stats, CLOSE: self.close,
            }[kind]  # fmt: skip
            work(id, *fields)
        except (KeyError, TypeError) as error:
            raise ProtocolError(f"a message of type {kind} that cannot be read") from error

    def greet(self, id, protocol, encodings):
        if protocol != PROTOCOL or "msgpack" not in encodings:
            raise ProtocolError("the gateway speaks another protocol")
        self.greeted = True
        self.send(WELCOME, id, PROTOCOL, "msgpack", {"language": "python"})

    def load(self, id, name, _library, _source, _options):
        manifest = to_manifest(self.plugin)
        if name not in ("", manifest["name"]):
            self.fail(id, f"this program serves {manifest['name']!r}, not {name!r}")
            return
        self.send(RESULT, id, {"manifest": manifest, "log": []})

    def configure(self, id, instances):
        self.instances = {instance["key"]: instance for instance in instances}
        self.send(RESULT, id, {"log": []})

    def call(self, id, key, phase, _timeout_ms, view):
        instance = self.instances.get(key)
        handler = getattr(self.plugin, phase, None) if phase in PHASES else None
        if instance is None or handler is None:
            self.fail(id, f"there is no instance {key!r} with a handler for {phase}")
            return
        call = Call(view)
        self.run(id, call, lambda: handler(call, instance["config"]), is_turn=True)

    def effect_result(self, id, ok, value):
        call_id = self.effects.pop(id, None)
        if call_id in self.waiting:
            call, generator = self.waiting.pop(call_id)
            if ok:
                self.run(call_id, call, lambda: generator.send(from_crossing(value)), generator)
            else:
                failure = EffectFailed(value.get("code"), value.get("message"))
                self.run(call_id, call, lambda: generator.throw(failure), generator)
        self.send(ACK, id)

    def run(self, id, call, step, generator=None, is_turn=False):
        """Goes on with a handler until it ends or waits for an effect."""
        try:
            yielded = step()
            if generator is None and isinstance(yielded, types.GeneratorType):
                generator = yielded
                yielded = next(generator)
            if isinstance(yielded, Effect):
                self.wait(id, call, generator, yielded)
                if is_turn:
                    self.send(ACK, id)
                return
        except StopIteration:
            pass
        except Exception as error:  # whatever a handler throws is its call's failure
            self.fail(id, f"{type(error).__name__}: {error}", call.decided)
            return
        self.send(RESULT, id, {"changes": call.changes})

    def wait(self, id, call, generator, effect):
        effect_id = self.next_effect
        self.next_effect = effect_id % 0xFFFFFFFF + 1
        self.effects[effect_id] = id
        self.waiting[id] = (call, generator)
        self.send(EFFECT, effect_id, id, effect.member, effect.args)

    def cancel(self, id, call_id):
        _call, generator = self.waiting.pop(call_id, (None, None))
        if generator is not None:
            generator.close()
        self.send(ACK, id)

    def ping(self, id):
        self.send(ACK, id)

    def stats(self, id):
        self.send(RESULT, id, usage_of(self.plugin))

    def close(self, id):
        self.send(RESULT, id, {"log": []})

    def fail(self, id, message, decided=False):
        self.send(FAILED, id, "error", message[:500], decided, [])


def usage_of(plugin):
    """What this process has burnt and has in memory: Python does not tell what of it is its heap."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            pages = int(statm.read().split()[1])
    except OSError:
        return []  # not on Linux: the gateway then shows nothing
    cpu_us = round(time.process_time() * 1e6)
    memory = pages * os.sysconf("SC_PAGE_SIZE")
    return [{"plugin": plugin.name, "cpuUs": cpu_us, "heapBytes": memory}]


def to_manifest(plugin):
    return {
        "name": plugin.name,
        "version": plugin.version,
        "priority": plugin.priority,
        "phases": [phase for phase in PHASES if hasattr(plugin, phase)],
        "schema": plugin.schema,
        "scopes": {"consumer": True, "route": True, "service": True},
    }


def serve(plugin, path):
    """Listens on a Unix socket until the process is ended."""
    if os.path.exists(path):
        os.unlink(path)
    handler = type("PluginConnection", (Connection,), {"plugin": plugin})
    with socketserver.ThreadingUnixStreamServer(path, handler) as server:
        server.daemon_threads = True
        print(f"serving {plugin.name} on {path}", flush=True)
        server.serve_forever()
