#!/usr/bin/env python3
"""Frame rate of the seat map with 100,000 seats, in a headless Chromium that draws on the processor.

Start a server (`cargo run --release -- --open`), then: benches/seat_map_frames.py [http://127.0.0.1:5000]

Makes a stadium and a showtime in it, opens the page, moves the map as a hand does (out, in, across) while seats change, and prints for
each movement the frames a second and the time between frames. Printed, not asserted: the machine decides. Needs chromedriver.
"""

import json
import math
import os
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


MOVES = {
    "whole house, across": "map.camera.fit(); map.camera.zoom(1.6); step = (part) => map.camera.pan(Math.sin(part * 20) * 9, Math.cos(part * 20) * 6)",
    "from far to near": "map.camera.fit(); step = (part) => map.camera.zoom(part < 0.5 ? 1.03 : 1 / 1.03, 300, 250)",
    "seats, across": "map.camera.fit(); map.camera.zoom(14); step = (part) => map.camera.pan(Math.sin(part * 20) * 14, Math.cos(part * 20) * 9)",
    "labels, across": "map.camera.fit(); map.camera.zoom(60); step = (part) => map.camera.pan(Math.sin(part * 20) * 14, Math.cos(part * 20) * 9)",
    "seats, while 500 change a second": "map.camera.fit(); map.camera.zoom(14); step = (part) => { map.camera.pan(Math.sin(part * 20) * 14, 3); "
                                        "const some = Array.from({ length: 8 }, () => Math.floor(Math.random() * map.model.seats)); "
                                        "map.change(0, some, Math.floor(Math.random() * 3)); }",
}

# Time between frames, and the time that drawing took of it, in milliseconds.
MEASURE = """
const done = arguments[arguments.length - 1]; let step; %s;
const draw = map.painter.draw; const drawn = []; const between = [];
map.painter.draw = function () { const begun = performance.now(); draw.call(this); drawn.push(performance.now() - begun); };
let last = performance.now(); const begun = last;
(function frame(now) {
  if (now - begun > %d) { map.painter.draw = draw; done({ drawn, between }); return; }
  if (now > last) between.push(now - last);
  last = now; step((now - begun) / %d); requestAnimationFrame(frame);
})(performance.now());
"""


def quantile(values, part):
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def main():
    headers = {"authorization": "Bearer " + os.environ["TURNSTILE_OPERATOR_TOKEN"]} if "TURNSTILE_OPERATOR_TOKEN" in os.environ else {}
    plan = stadium()
    seats = sum(len(row["seats"]) for section in plan["sections"] for row in section["rows"])
    house = ask(BASE + "/api/auditoriums", plan, headers=headers)["id"]
    show = ask(BASE + "/api/showtimes", {"movieTitle": "Cup final", "startTime": "2030-01-01T18:00:00Z", "auditoriumId": house}, headers=headers)["id"]
    driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
    try:
        line = next(line for line in driver.stdout if "started successfully on port" in line)
        address = "http://127.0.0.1:" + line.rsplit(" ", 1)[1].strip(" .\n")
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1440,900"]
        wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": arguments}}
        opened = ask(address + "/session", {"capabilities": {"alwaysMatch": wanted}})["value"]["sessionId"]
        session = f"{address}/session/{opened}"
        try:
            measure(session, show, seats)
        finally:
            ask(session, method="DELETE")
    finally:
        driver.terminate()


def measure(session, show, seats):
    ask(session + "/timeouts", {"script": 60_000})
    ask(session + "/url", {"url": f"{BASE}/showtimes/{show}"})
    ready = """const done = arguments[0]; (function look() { if (window.map?.statuses) map.ready.then(() => done({
        shown: performance.now(), bytes: performance.getEntriesByType('resource').reduce((sum, { transferSize }) => sum + transferSize, 0) }));
        else setTimeout(look, 5); })();"""
    first = ask(session + "/execute/async", {"script": ready, "args": []})["value"]
    print(f"{seats:,} seats: shown after {first['shown']:.0f} ms, {first['bytes']:,} bytes loaded")
    print(f"{'':34}{'frames/s':>10}{'between, p50':>14}{'p95':>8}{'drawing, p50':>14}{'p95':>8}  (milliseconds)")
    for name, move in MOVES.items():
        script = MEASURE % (move, SECONDS * 1000, SECONDS * 1000)
        found = ask(session + "/execute/async", {"script": script, "args": []})["value"]
        between, drawn = found["between"], found["drawn"] or [0]
        print(f"{name:34}{1000 * len(between) / sum(between):>10.1f}{quantile(between, 0.5):>14.1f}{quantile(between, 0.95):>8.1f}"
              f"{quantile(drawn, 0.5):>14.1f}{quantile(drawn, 0.95):>8.1f}")


if __name__ == "__main__":
    main()
