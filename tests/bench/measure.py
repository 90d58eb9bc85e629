"""What the benchmarks of training sets share: engines in processes of their own, their times and peak memory, tables.

A benchmark runs its own file again for each engine, with ``--engine`` and what the engine is to do as JSON. The engine loads its
inputs, then answers orders on its standard input, a line each: to run once, and perhaps to save what came out. So all engines
of a comparison are there at the same time, idle but for one, and can take turns: a noisy minute hits them alike.
"""

from __future__ import annotations

import gc
import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MIB = 1024 * 1024


# ---- memory of this process --------------------------------------------------------------------------------------


def memory(field: str) -> int:
    """VmRSS or VmHWM in bytes."""
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {field} in /proc/self/status")


def reset_peak() -> None:
    """Lets VmHWM begin again at what is resident now."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


# ---- an engine's side --------------------------------------------------------------------------------------------


def once(work: Callable[[], Any]) -> Any:
    """Runs it: the result, and seconds, resident bytes before and at most."""
    gc.collect()
    before = memory("VmRSS")
    reset_peak()
    started, used = time.perf_counter(), time.process_time()
    result = work()
    seconds = time.perf_counter() - started
    return result, dict(seconds=seconds, cpu=time.process_time() - used, before=before, peak=memory("VmHWM"))


def serve(work: Callable[[], Any], save: Callable[[Any, str], None], about: Optional[Callable[[Any], Any]] = None) -> None:
    """Answers orders until there are no more. ``about`` says what else is known of a result."""
    say({"ready": True})
    result: Any = None
    for line in sys.stdin:
        order = json.loads(line)
        result = None
        try:
            result, answer = once(work)
        except Exception as e:  # an engine that cannot do it is a line of the table, not the end of it
            say({"error": f"{type(e).__name__}: {e}"[:500]})
            continue
        if about is not None:
            answer["about"] = about(result)
        if order.get("save"):
            save(result, order["save"])
        say(answer)


def say(what: Dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


def use_library(build: str) -> Any:
    """The package of this checkout, with the library of a build."""
    os.environ["FEAT_LIBRARY"] = os.path.join(os.path.abspath(build), "lib", "libfeat.so")
    sys.path.insert(0, os.path.join(ROOT, "bindings", "python"))
    import libfeat

    return libfeat


def run_options(libfeat: Any, threads: int, limit: int = 0) -> Dict[str, Any]:
    """The options of training_set that bound a run, those of them that the package has."""
    known = inspect.signature(libfeat.Store.training_set).parameters
    wanted = {"threads": threads, "memory": limit}
    return {name: value for name, value in wanted.items() if name in known and value}


def statistics(result: Any) -> Optional[Dict[str, int]]:
    """What the library says of a run; None when it says nothing."""
    return getattr(result, "stats", None)


# ---- the other side ----------------------------------------------------------------------------------------------


class Engine:
    """A process that was asked to be one engine."""

    def __init__(self, name: str, what: Dict[str, Any], threads: int, python: str = sys.executable) -> None:
        self.name, self.what = name, what
        self.runs: List[Dict[str, Any]] = []
        self.first: Dict[str, Any] = {}
        self.error = ""
        environment = {**os.environ, "POLARS_MAX_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
        command = [python, sys.argv[0], "--engine", json.dumps({**what, "threads": threads})]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.hear()

    def hear(self) -> Dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                answer: Dict[str, Any] = json.loads(line)
                self.error = answer.get("error", "")
                return answer
        self.error = f"its process ended with status {self.process.wait()}"
        return {"error": self.error}

    def run(self, save: str = "") -> Dict[str, Any]:
        assert self.process.stdin is not None
        if self.error:
            return {"error": self.error}
        self.process.stdin.write(json.dumps({"save": save}) + "\n")
        self.process.stdin.flush()
        return self.hear()

    def warm(self, save: str = "") -> None:
        """The first run, which no figure counts unless it is the only one; its result may be looked at."""
        self.first = self.run(save)

    def end(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()

    # ---- figures

    def timed(self) -> List[Dict[str, Any]]:
        return self.runs or ([self.first] if "seconds" in self.first else [])

    @property
    def best(self) -> float:
        return min((r["seconds"] for r in self.timed()), default=float("inf"))

    @property
    def median(self) -> float:
        times = sorted(r["seconds"] for r in self.timed())
        middle = len(times) // 2
        return (times[middle] if len(times) % 2 else (times[middle - 1] + times[middle]) / 2) if times else float("inf")

    @property
    def cpu(self) -> float:
        """Processor time of the best run in that respect, of all threads: what other work on the machine disturbs least."""
        return min((r["cpu"] for r in self.timed()), default=float("inf"))

    @property
    def peak(self) -> int:
        return max((r["peak"] for r in self.timed()), default=0)

    @property
    def before(self) -> int:
        return min((r["before"] for r in self.timed()), default=0)


def functions(engine: Engine, work: str) -> List[List[str]]:
    """Where the time of one more run goes, by function, as perf sees it; nothing when there is no perf here."""
    if shutil.which("perf") is None:
        return []
    data = os.path.join(work, "perf.data")
    target = ["-p", str(engine.process.pid), "-o", data]
    quiet = subprocess.DEVNULL
    perf = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", "1999", *target], stdout=quiet, stderr=quiet)
    time.sleep(1)  # until it has attached
    engine.run()
    perf.send_signal(signal.SIGINT)
    perf.wait()
    command = ["perf", "report", "--stdio", "--no-children", "--sort", "dso,symbol", "--percent-limit", "1", "-i", data]
    text = subprocess.run(command, stdout=subprocess.PIPE, stderr=quiet, text=True, check=False).stdout
    os.remove(data)
    lines = [line.split(None, 3) for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found = [line for line in lines if len(line) == 4 and line[0].endswith("%") and "python" not in line[1]]
    return [[f"{line[3].split('  ')[0]} ({line[1]})", line[0]] for line in found]


def take_turns(engines: Sequence[Engine], runs: int, limit: float) -> None:
    """Timed runs, in rounds; an engine whose first run took longer than ``limit`` seconds is left at that one."""
    for _ in range(runs):
        for engine in engines:
            if not engine.error and engine.first.get("seconds", limit) <= limit:
                answer = engine.run()
                if "seconds" in answer:
                    engine.runs.append(answer)


def in_own_process(what: Dict[str, Any], python: str = sys.executable) -> Dict[str, Any]:
    """One answer of an engine that only answers once, such as what makes a store."""
    command = [python, sys.argv[0], "--engine", json.dumps(what)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


# ---- tables ------------------------------------------------------------------------------------------------------


def load_average() -> float:
    with open("/proc/loadavg", encoding="ascii") as file:
        return float(file.read().split()[0])


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Prints columns side by side, the first to the left, the others to the right."""
    lines = [[str(c) for c in head]] + [[str(c) for c in row] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        print("  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))).rstrip())
    print(flush=True)


def engine_rows(engines: Sequence[Engine], ours: str = "libfeat") -> List[List[str]]:
    """A line an engine, the fastest first; the ratio says how many times faster ours is."""
    mine = next((e for e in engines if e.name == ours), None)
    rows = []
    for e in sorted(engines, key=lambda e: e.best):
        if e.error:
            rows.append([e.name, e.error[:60], "", "", "", "", ""])
            continue
        other = mine is not None and e is not mine
        ratio = [f"{e.best / mine.best:.2f}", f"{e.cpu / mine.cpu:.2f}"] if other else ["", ""]  # type: ignore[union-attr]
        peak, before = f"{e.peak / MIB:,.0f}", f"{e.before / MIB:,.0f}"
        rows.append([e.name, f"{e.best:.3f}", f"{e.median:.3f}", f"{e.cpu:.3f}", str(len(e.timed())), peak, before, *ratio])
    return rows


ENGINE_HEAD = ["", "min s", "median s", "cpu s", "runs", "peak MiB", "before MiB", "ours x faster", "by cpu"]


def profile_rows(about: Dict[str, int]) -> List[List[str]]:
    """The stages of a run (times summed over its threads), the longest first, with their shares."""
    times = {name[:-3]: ns for name, ns in about.items() if name.endswith("_ns") and name != "elapsed_ns"}
    whole = max(sum(times.values()), 1)
    return [[n, f"{ns / 1e6:,.1f}", f"{ns / whole:.1%}"] for n, ns in sorted(times.items(), key=lambda item: -item[1])]


def profile(about: Optional[Dict[str, int]]) -> None:
    if about is None:
        print("no profile: the library gives no statistics of a run\n")
        return
    table(["stage", "ms", "share"], profile_rows(about))
    print(", ".join(f"{name} {n:,}" for name, n in about.items() if not name.endswith("_ns")), end="; ")
    print(f"elapsed {about.get('elapsed_ns', 0) / 1e6:,.1f} ms\n", flush=True)
