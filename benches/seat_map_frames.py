#!/usr/bin/env python3
"""Time of a frame of the seat map with 100,000 seats and of the designer with 50,000 chosen ones, in a headless Chromium without a graphics card.

Start a server (`cargo run --release -- --open`), then: benches/seat_map_frames.py [http://127.0.0.1:5000]

Makes the houses and a showtime, opens the pages, moves what they show as a hand does, and prints for each movement the frames a second here and the
main thread's time of a frame: what scripts take of it, with the recording of the canvas's commands. It is processor time from a trace, so that other
work on the machine is not in it. That is compared with the budgets of 60 frames a second, and, with a processor that the browser throttles four
times, of 30 on a phone. Most of the rasterisation is not in it: without a graphics card the processor does it, and it is most of what the frames a
second here show. Printed, not asserted: the machine decides. Needs chromedriver.
"""

import base64
import json
import math
import os
import socket
import struct
import subprocess
import sys
import urllib.request

BASE = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:5000"
SECONDS = 4


def ask(url, body=None, method=None, headers=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json", **(headers or {})}, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def stadium():
    """Two rings of 32 sections around a field: about 100,000 seats with positions."""
    sections = []
    for ring, (nearest, rows) in enumerate([(4600, 54), (9400, 56)]):
        for place in range(32):
            begin, span = 2 * math.pi * place / 32, 2 * math.pi / 32 * 0.93
            lines = []
            for row in range(rows):
                radius = nearest + row * 80
                count = int(radius * span / 50)
                at = [begin + span * (seat + 0.5) / count for seat in range(count)]
                seats = [{"label": str(seat + 1), "x": round(1.3 * radius * math.sin(angle), 1), "y": round(-radius * math.cos(angle), 1)}
                         for seat, angle in enumerate(at)]
                lines.append({"label": str(row + 1), "seats": seats})
            sections.append({"name": f"{ring + 1}{place + 1:02}", "category": "abc"[place // 4 % 3], "rows": lines})
    categories = [{"key": key, "name": name} for key, name in [("a", "Main stand"), ("b", "Corner"), ("c", "Behind the goal")]]
    return {"name": "Stadium", "focalPoint": {"x": 0, "y": 0}, "categories": categories, "sections": sections}


def arena():
    """Ten sections of 50 rows of 100 seats."""
    sections = [{"name": f"Block {place + 1}", "category": "abc"[place % 3], "rows": [
        {"label": str(row + 1), "seats": [{"label": str(seat + 1), "x": place % 5 * 5300 + seat * 50, "y": place // 5 * 2800 + 200 + row * 50} for seat in range(100)]}
        for row in range(50)]} for place in range(10)]
    categories = [{"key": key, "name": name} for key, name in [("a", "Middle"), ("b", "Side"), ("c", "Corner")]]
    return {"name": "Arena", "focalPoint": {"x": 13000, "y": 0}, "categories": categories, "sections": sections}


# Movements: what `step` does in each frame, by the part of the time that is over.
MAP = {
    "whole house, across": "map.camera.fit(); map.camera.zoom(1.6); step = (part) => map.camera.pan(Math.sin(part * 20) * 9, Math.cos(part * 20) * 6)",
    "from far to near": "map.camera.fit(); const least = map.camera.scale; step = (part) => map.camera.zoom(least * NEAR ** (1 - Math.abs(1 - 2 * part)) / map.camera.scale, 300, 250)",
    "seats, across": "map.camera.fit(); map.camera.zoom(14); step = (part) => map.camera.pan(Math.sin(part * 20) * 14, Math.cos(part * 20) * 9)",
    "labels, across": "map.camera.fit(); map.camera.zoom(60); step = (part) => map.camera.pan(Math.sin(part * 20) * 14, Math.cos(part * 20) * 9)",
    "seats, while 500 change a second": "map.camera.fit(); map.camera.zoom(14); step = (part) => { map.camera.pan(Math.sin(part * 20) * 14, 3); "
                                        "const some = Array.from({ length: 8 }, () => Math.floor(Math.random() * map.model.seats)); "
                                        "map.change(0, some, Math.floor(Math.random() * 3)); }",
}
# A pointer that is pressed in the middle of the plan moves around it. Before and after, the whole plan is seen.
POINTER = """const canvas = document.getElementById('canvas'); const box = canvas.getBoundingClientRect(); canvas.setPointerCapture = () => {};
const press = (id) => document.getElementById(id).click();
const tool = (name) => document.querySelector(`[data-tool=${name}]`).click();
const fire = (type, x, y) => canvas.dispatchEvent(new PointerEvent(type, { bubbles: true, cancelable: true, pointerId: 1, isPrimary: true, button: 0,
  buttons: type === 'pointerup' ? 0 : 1, clientX: box.x + box.width / 2 + x, clientY: box.y + box.height / 2 + y }));
const around = (part, x, y) => fire('pointermove', Math.sin(part * 6 * Math.PI) * x, Math.sin(part * 4 * Math.PI) * y);
press('fit'); %s; """
DESIGNER = {
    "whole plan, across": "tool('hand'); fire('pointerdown', 0, 0); step = (part) => around(part, 200, 100); end = () => fire('pointerup', 0, 0)",
    "from far to near": "let now = 0; step = (part) => { const wanted = Math.log(NEAR) * (1 - Math.abs(1 - 2 * part)); "
                        "canvas.dispatchEvent(new WheelEvent('wheel', { cancelable: true, deltaY: (now - wanted) / 0.0015, clientX: box.x + 300, clientY: box.y + 250 })); now = wanted; }",
    "seats, across": "for (let closer = 0; closer < 4; closer += 1) press('closer'); "
                     "tool('hand'); fire('pointerdown', 0, 0); step = (part) => around(part, 300, 200); end = () => fire('pointerup', 0, 0)",
    "all are dragged": "for (let closer = 0; closer < 3; closer += 1) press('closer'); "
                       "tool('choose'); fire('pointerdown', 0, -60); step = (part) => around(part, 60, 40); end = () => { fire('pointermove', 0, -60); fire('pointerup', 0, -60); }",
}

# Does a movement, and tells the time between frames in milliseconds.
MEASURE = """
const done = arguments[arguments.length - 1]; let step; let end = () => {}; const between = []; let last = 0; const begun = performance.now(); const NEAR = 40;
%s;
requestAnimationFrame(function frame(now) {
  if (last) between.push(now - last);
  last = now;
  if (now - begun > %d) { end(); done(between); return; }
  step((now - begun) / %d);
  requestAnimationFrame(frame);
});
"""


class Trace:
    """The browser's trace, over the WebSocket of its own protocol: chromedriver has no command for it."""

    def __init__(self, browser):
        address = ask(f"http://{browser}/json/version")["webSocketDebuggerUrl"]
        host, path = address.removeprefix("ws://").split("/", 1)
        self.socket = socket.create_connection(host.rsplit(":", 1))
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        self.answers = self.socket.makefile("rb")
        while self.answers.readline() != b"\r\n":
            pass

    def tell(self, method, parameters):
        text = json.dumps({"id": 1, "method": method, "params": parameters}).encode()
        # What a client sends is masked; the mask of zeros changes nothing.
        self.socket.sendall(b"\x81\xfe" + struct.pack(">H", len(text)) + bytes(4) + text)

    def hear(self):
        text = b""
        while True:
            first, length = self.answers.read(2)
            if length > 125:
                length, = struct.unpack(">H", self.answers.read(2)) if length == 126 else struct.unpack(">Q", self.answers.read(8))
            text += self.answers.read(length)
            if first & 0x80:
                return json.loads(text)

    def begin(self):
        self.tell("Tracing.start", {"transferMode": "ReportEvents", "traceConfig": {"includedCategories": ["devtools.timeline"]}})
        while "result" not in self.hear():
            pass

    def end(self):
        """The processor time of each frame's scripts, in milliseconds."""
        self.tell("Tracing.end", {})
        events = []
        while (heard := self.hear()).get("method") != "Tracing.tracingComplete":
            if heard.get("method") == "Tracing.dataCollected":
                events += heard["params"]["value"]
        frames, script = [], 0
        for event in sorted(events, key=lambda event: event.get("ts", 0)):
            if event["name"] == "FireAnimationFrame":
                script += event.get("tdur", 0) / 1000
            # Once in each frame, after its scripts.
            elif event["name"] == "PrePaint" and script:
                frames.append(script)
                script = 0
        return frames


def quantile(values, part):
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def main():
    headers = {"authorization": "Bearer " + os.environ["TURNSTILE_OPERATOR_TOKEN"]} if "TURNSTILE_OPERATOR_TOKEN" in os.environ else {}
    plan = stadium()
    seats = sum(len(row["seats"]) for section in plan["sections"] for row in section["rows"])
    house = ask(BASE + "/api/auditoriums", plan, headers=headers)["id"]
    show = ask(BASE + "/api/showtimes", {"movieTitle": "Cup final", "startTime": "2030-01-01T18:00:00Z", "auditoriumId": house}, headers=headers)["id"]
    drawn = ask(BASE + "/api/auditoriums", arena(), headers=headers)["id"]
    driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
    try:
        line = next(line for line in driver.stdout if "started successfully on port" in line)
        address = "http://127.0.0.1:" + line.rsplit(" ", 1)[1].strip(" .\n")
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1440,900"]
        wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": arguments}}
        opened = ask(address + "/session", {"capabilities": {"alwaysMatch": wanted}})["value"]
        session = f"{address}/session/{opened['sessionId']}"
        try:
            ask(session + "/timeouts", {"script": 60_000})
            trace = Trace(opened["capabilities"]["goog:chromeOptions"]["debuggerAddress"])
            seat_map(session, trace, show, seats)
            designer(session, trace, drawn)
        finally:
            ask(session, method="DELETE")
    finally:
        driver.terminate()


def seat_map(session, trace, show, seats):
    ask(session + "/url", {"url": f"{BASE}/showtimes/{show}"})
    first = waited(session, "window.map?.statuses && map.ready.then(() => true)", """{ shown: performance.now(),
        bytes: performance.getEntriesByType('resource').reduce((sum, { transferSize }) => sum + transferSize, 0) }""")
    print(f"Seat map, {seats:,} seats: shown after {first['shown']:.0f} ms, {first['bytes']:,} bytes loaded")
    # A large house is painted once, in idle time.
    waited(session, "map.painter.sheet?.ready")
    measure(session, trace, MAP)


def designer(session, trace, house):
    key = json.dumps(os.environ.get("TURNSTILE_OPERATOR_TOKEN", ""))
    run(session, f"if ({key}) sessionStorage.setItem('turnstile.operator.key', {key}); arguments[0]()")
    ask(session + "/url", {"url": f"{BASE}/designer#{house}"})
    waited(session, "document.getElementById('count').textContent.startsWith('50,000')")
    run(session, """const canvas = document.getElementById('canvas'); canvas.focus();
        canvas.dispatchEvent(new KeyboardEvent('keydown', { key: 'a', ctrlKey: true, bubbles: true, cancelable: true })); arguments[0]()""")
    print("Designer, " + waited(session, "document.getElementById('chosen-title').textContent.startsWith('50000')", "document.getElementById('chosen-title').textContent"))
    measure(session, trace, {name: POINTER % move for name, move in DESIGNER.items()})
    # What is not saved would ask before the page is left.
    run(session, "addEventListener('beforeunload', (event) => event.stopImmediatePropagation(), true); arguments[0]()")


def run(session, script):
    return ask(session + "/execute/async", {"script": script, "args": []})["value"]


def waited(session, condition, wanted="true"):
    """The value of `wanted` once the condition holds."""
    return run(session, f"const done = arguments[0]; (async function look() {{ if (await ({condition})) done({wanted}); else setTimeout(look, 5); }})();")


def measure(session, trace, moves):
    print(f"{'':34}{'frames/s':>10}{'script, p50':>13}{'p95':>7}{'':>13}{'throttled, p50':>16}{'p95':>7}  (milliseconds)")
    for name, move in moves.items():
        line = f"{name:34}"
        for slower, budget in [(1, 16.6), (4, 33)]:
            ask(session + "/goog/cdp/execute", {"cmd": "Emulation.setCPUThrottlingRate", "params": {"rate": slower}})
            trace.begin()
            between = run(session, MEASURE % (move, SECONDS * 1000, SECONDS * 1000))
            scripts = trace.end()
            if slower == 1:
                line += f"{1000 * len(between) / sum(between):>10.1f}"
            holds = "holds" if quantile(scripts, 0.95) <= budget else "misses"
            line += f"{quantile(scripts, 0.5):>{13 if slower == 1 else 16}.1f}{quantile(scripts, 0.95):>7.1f}  {holds + f' {budget:g}':11}"
        print(line.rstrip())
    ask(session + "/goog/cdp/execute", {"cmd": "Emulation.setCPUThrottlingRate", "params": {"rate": 1}})


if __name__ == "__main__":
    main()
