"""Node-RED doing MQTT in → function (JSON, threshold) → SQLite: what a user would pick instead.

In its favour: the table is made beforehand with a write-ahead log, no editor is open, and there are
no debug nodes. It acknowledges on receipt, so a crash loses what it holds.
"""

import json
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

from bench.figures import BUILD
from bench.meter import Cost, cost
from bench.peers.peer import Place, rows
from tests.harness.processes import free_port

PINS = Path(__file__).parent.parent / "node"
HOME = BUILD / "node"
TABLE = "create table readings (sensor text, at real, value real, alarm integer)"

PLAIN = """
const record = msg.payload[0];
const alarm = record.v >= 1.0 ? 1 : 0;
msg.topic = "INSERT INTO readings VALUES ($sensor, $at, $value, $alarm)";
msg.params = {$sensor: record.bn + record.n, $at: record.bt, $value: record.v, $alarm: alarm};
return msg;
"""

UNSYNCED: list[dict] = [
    {
        "id": "start", "type": "inject", "z": "tab", "x": 100, "y": 200, "once": True,
        "props": [{"p": "topic", "vt": "str"}], "topic": "PRAGMA synchronous=NORMAL",
        "wires": [["pragma"]],
    },
    {
        "id": "pragma", "type": "sqlite", "z": "tab", "x": 300, "y": 200, "mydb": "database",
        "sqlquery": "msg.topic", "wires": [[]],
    },
]  # fmt: skip
"""Nothing is synced at a commit: what a user does whose disk is slow at it."""

BATCHED = """
const waiting = context.get("waiting") || [];
if (msg.payload !== "flush") {
    const record = msg.payload[0];
    const alarm = record.v >= 1.0 ? 1 : 0;
    waiting.push(`('${record.bn}${record.n}',${record.bt},${record.v},${alarm})`);
}
if (waiting.length < 500 && (msg.payload !== "flush" || !waiting.length)) {
    context.set("waiting", waiting);
    return null;
}
context.set("waiting", []);
msg.topic = "INSERT INTO readings VALUES " + waiting.join(",");
return msg;
"""
"""As somebody does who has found out why it is slow: 500 rows a statement, the rest each 0.2 s."""


def installed() -> Path:
    """Return the folder with node's packages, installed once. Raises SystemExit without npm."""
    wanted = (PINS / "package.json").read_text()
    kept = HOME / "package.json"
    if (HOME / ".installed").exists() and kept.exists() and kept.read_text() == wanted:
        return HOME
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit(
            "this measurement needs node and npm; `python -m bench --help` names others"
        )
    HOME.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PINS / "package.json", kept)
    # sqlite3 is compiled where no prebuilt one can be had; node's own headers are used if here.
    headers = ["--nodedir=/usr"] if Path("/usr/include/node").is_dir() else []
    print("  installing Node-RED and mqtt from npm (a minute or two) ...", flush=True)
    subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--silent", *headers], cwd=HOME, check=True
    )
    (HOME / ".installed").touch()
    return HOME


class NodeRed:
    """One Node-RED with one flow."""

    def __init__(self, place: Place, *, batched: bool = False, synced: bool = True) -> None:
        home = installed()
        folder = place.folder / "node-red"
        folder.mkdir()
        self.database = folder / "readings.db"
        connection = sqlite3.connect(self.database)
        connection.executescript(f"pragma journal_mode=wal; {TABLE};")
        connection.close()
        (folder / "node_modules").symlink_to(home / "node_modules")
        shutil.copyfile(home / "package.json", folder / "package.json")
        flow = _flow(place.broker.port, self.database, batched=batched)
        flow += [] if synced else UNSYNCED
        (folder / "flows.json").write_text(json.dumps(flow))
        settings = {"flowFile": "flows.json", "uiHost": "127.0.0.1", "uiPort": free_port()}
        settings |= {"httpAdminRoot": False, "httpNodeRoot": False, "credentialSecret": False}
        settings |= {"telemetry": {"enabled": False, "updateNotification": False}}
        (folder / "settings.js").write_text(f"module.exports = {json.dumps(settings)};")
        program = home / "node_modules" / "node-red" / "red.js"
        self.process = place.processes.start(
            "node-red", "node", program, "--userDir", folder, cwd=folder
        )
        self.process.wait_for_text("Connected to broker", 60)
        time.sleep(0.5)  # and, a moment later, subscribed

    def stored(self) -> int:
        """Return how many rows are in its database."""
        return rows(self.database)

    def cost(self) -> Cost:
        """Return what the node process has cost."""
        return cost(self.process.pid)


def _flow(port: int, database: Path, *, batched: bool) -> list[dict]:
    placed = {"z": "tab", "x": 100, "y": 100}  # what has no place is taken for a configuration
    nodes: list[dict] = [
        {"id": "tab", "type": "tab", "label": "readings"},
        {
            "id": "broker", "type": "mqtt-broker", "broker": "127.0.0.1", "port": str(port),
            "clientid": "node-red", "protocolVersion": "4", "keepalive": "60",
            "cleansession": False, "autoConnect": True,
        },
        {
            "id": "in", "type": "mqtt in", **placed, "topic": "ridgewatch/#", "qos": "1",
            "datatype": "json", "broker": "broker", "inputs": 0, "wires": [["judge"]],
        },
        {
            "id": "judge", "type": "function", **placed, "outputs": 1, "libs": [],
            "func": BATCHED if batched else PLAIN, "wires": [["sqlite"]],
        },
        {"id": "database", "type": "sqlitedb", "db": str(database), "mode": "RWC"},
        {
            "id": "sqlite", "type": "sqlite", **placed, "mydb": "database",
            "sqlquery": "msg.topic" if batched else "prepared",
            "sql": "INSERT INTO readings VALUES ($sensor, $at, $value, $alarm)",
            "wires": [[]],
        },
    ]  # fmt: skip
    if batched:
        nodes.append(
            {
                "id": "flush", "type": "inject", **placed, "repeat": "0.2", "once": True,
                "props": [{"p": "payload"}], "payload": "flush", "payloadType": "str",
                "wires": [["judge"]],
            }
        )  # fmt: skip
    return nodes
