"""How many cores work at the same time, and who works while another core has nothing to do: where a server's work is serial.

    perf record -a -e sched:sched_switch -o FILE -- sleep 1        while the load is on
    perf script -i FILE -F cpu,time,event,trace | python3 benches/idle.py
"""
import collections
import re
import sys

# "[001]  1234.567890: sched:sched_switch: prev_comm=a .. ==> next_comm=b next_pid=7 .."; the program that runs from now on.
SWITCH = re.compile(r"\[(?P<core>\d+)\]\s+(?P<time>[\d.]+):\s+sched:sched_switch:.*==> next_comm=(?P<name>.+?) next_pid=(?P<pid>\d+)")


def main():
    running = {}
    seconds = collections.Counter()
    beside_idle = collections.Counter()
    before = None
    for line in sys.stdin:
        switch = SWITCH.search(line)
        if not switch:
            continue
        time = float(switch["time"])
        if before is not None:
            busy = [name for name in running.values() if name]
            seconds[len(busy)] += time - before
            if len(busy) < len(running):
                for name in busy:
                    beside_idle[name] += time - before
        before = time
        # Process 0 is each core's idle loop.
        running[switch["core"]] = None if switch["pid"] == "0" else switch["name"]
    total = sum(seconds.values())
    if not total:
        sys.exit("idle.py: no sched_switch events on standard input")
    for cores, spent in sorted(seconds.items(), reverse=True):
        print(f"{spent / total:6.1%} of the time {cores} of {len(running)} cores work")
    print("while a core has nothing to do, there run on another one, in shares of all time:")
    for name, spent in beside_idle.most_common(12):
        print(f"{spent / total:6.1%} {name}")


main()
