"""Redis as installations have it: behind TLS and a login, with sentinels, as a cluster."""

from __future__ import annotations

import secrets
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import redis

from redis_server import READY_WITHIN_S, find_binary, free_port

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping
    from pathlib import Path

MASTER: Final = "jobs"
SLOTS: Final = 16384
_BUS: Final = 10_000
_BUS_PORTS: Final = range(20_000, 22_700)
"""With `_BUS` on top they are above other tests' ports, and below those of connections' ends."""
_PLAIN: Final = {"bind": "127.0.0.1", "save": "", "appendonly": "yes", "appendfsync": "always"}
"""`always`: with `everysec` a write may wait for a disk that is busy, and die with the process."""


def bus_port() -> int:
    """Return a free port whose neighbour for the cluster's own talk is free, and nobody's else."""
    while True:
        port = secrets.choice(_BUS_PORTS)
        with socket.socket() as probe, socket.socket() as other, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + _BUS))
            return port


def soon(condition: Callable[[], Any], within_s: float = READY_WITHIN_S) -> Any:
    """Return the condition's first true value; Redis may be away meanwhile."""
    deadline_s = time.monotonic() + within_s
    while True:
        try:
            if value := condition():
                return value
        except redis.RedisError:
            pass
        if time.monotonic() > deadline_s:
            message = f"not within {within_s} s: {condition}"
            raise AssertionError(message)
        time.sleep(0.02)


@dataclass
class Server:
    """One process of any kind; starting it again keeps port and data."""

    dir: Path
    options: Mapping[str, str]
    port: int = field(default_factory=free_port)
    login: Mapping[str, Any] = field(default_factory=dict)
    """What a client of the tests' own says to get in."""
    words: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it answers."""
        self.dir.mkdir(exist_ok=True)
        options = {"dir": str(self.dir), "logfile": str(self.dir / "log"), **self.options}
        if "tls-port" not in options:
            options["port"] = str(self.port)
        given = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen([find_binary(), *self.words, *given])
        with self.client() as client:
            soon(lambda: self._lives() and client.ping())

    def _lives(self) -> bool:
        if self._process is None or self._process.poll() is None:
            return True
        message = f"redis-server on port {self.port} has ended:\n{self._told()}"
        raise RuntimeError(message)

    def _told(self) -> str:
        return "\n".join((self.dir / "log").read_text("utf-8").splitlines()[-10:])

    def stop(self) -> None:
        """Stop it by its id; its data stay."""
        self._end("terminate")

    def kill(self) -> None:
        """SIGKILL."""
        self._end("kill")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._process:
            self._process.send_signal(number)

    def _end(self, how: str) -> None:
        if self._process:
            getattr(self._process, how)()
            self._process.wait(READY_WITHIN_S)
            self._process = None

    def client(self) -> redis.Redis:
        """Return a blocking client, for what is none of the store's business."""
        return redis.Redis(host="127.0.0.1", port=self.port, **self.login)


@dataclass
class Watched:
    """A primary, a replica, and three sentinels, each asking for its password."""

    dir: Path
    password: str = "of redis"
    asked: str = "of sentinels"
    data: list[Server] = field(default_factory=list)
    sentinels: list[Server] = field(default_factory=list)

    def start(self) -> None:
        """Start all; return when the sentinels know of the replica and of one another."""
        secret = {"requirepass": self.password, "masterauth": self.password}
        login = {"password": self.password}
        self.data = [
            Server(self.dir / f"data{at}", {**_PLAIN, **secret}, login=login) for at in range(2)
        ]
        for server in self.data:
            server.start()
        with self.data[1].client() as client:
            client.replicaof("127.0.0.1", self.data[0].port)
        self.sentinels = [self._sentinel(at) for at in range(3)]
        for sentinel in self.sentinels:
            sentinel.start()
        for sentinel in self.sentinels:
            with sentinel.client() as client:
                soon(lambda client=client: self._is_ready(client))  # type: ignore[misc]

    def _sentinel(self, at: int) -> Server:
        folder, port = self.dir / f"sentinel{at}", free_port()
        folder.mkdir()
        told = folder / "sentinel.conf"
        told.write_text(
            f'requirepass "{self.asked}"\n'
            f'sentinel sentinel-pass "{self.asked}"\n'
            f"sentinel monitor {MASTER} 127.0.0.1 {self.data[0].port} 2\n"
            f'sentinel auth-pass {MASTER} "{self.password}"\n'
            f"sentinel down-after-milliseconds {MASTER} 500\n"
            f"sentinel failover-timeout {MASTER} 3000\n"
        )
        options = {"bind": "127.0.0.1"}
        words = (str(told), "--sentinel")
        return Server(folder, options, port, {"password": self.asked}, words)

    def _is_ready(self, client: redis.Redis) -> bool:
        said: Any = client.sentinel_master(MASTER)
        return bool(said["num-slaves"] == 1 and said["num-other-sentinels"] == 2)

    @property
    def url(self) -> str:
        """Where clients ask."""
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels)
        secret, asked = self.password.replace(" ", "%20"), self.asked.replace(" ", "%20")
        return f"redis+sentinel://:{secret}@{hosts}/0?master={MASTER}&sentinel_password={asked}"

    def primary(self) -> Server:
        """Return the server that the sentinels call the primary."""
        with self.sentinels[0].client() as client:
            port = client.sentinel_get_master_addr_by_name(MASTER)[1]
        return next(each for each in self.data if each.port == port)

    def replicated(self) -> None:
        """Return when the replica has all that the primary has."""
        with self.primary().client() as client:
            client.set("caught-up", 1)
            assert client.wait(1, 10_000) == 1
            client.delete("caught-up")
            assert client.wait(1, 10_000) == 1

    def stop(self) -> None:
        """Stop all."""
        for server in (*self.sentinels, *self.data):
            server.stop()


@dataclass
class Clustered:
    """Three primaries that share the slots, and replicas if asked for."""

    dir: Path
    nodes: list[Server] = field(default_factory=list)
    """The primaries in the order of their slots, then the replicas of the first one."""

    def start(self, replicas: int = 0) -> None:
        """Start all; return when each says that all is well."""
        options = {
            **_PLAIN,
            "cluster-enabled": "yes",
            "cluster-config-file": "nodes.conf",
            "cluster-node-timeout": "1000",
            "cluster-require-full-coverage": "no",
        }
        for at in range(3 + replicas):
            node = Server(self.dir / f"node{at}", options, bus_port())
            self.nodes.append(node)
            node.start()
        for at, node in enumerate(self.nodes):
            with node.client() as client:
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", at + 1)
                if at < 3:
                    slots = range(at * SLOTS // 3, (at + 1) * SLOTS // 3)
                    client.execute_command("CLUSTER", "ADDSLOTS", *slots)
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port)
        self.settled()
        for node in self.nodes[3:]:
            with node.client() as client:
                client.execute_command("CLUSTER", "REPLICATE", self.id(self.nodes[0]))
        soon(lambda: all(self._follows(node) for node in self.nodes[3:]))

    def settled(self) -> None:
        """Return when every node says that all is well."""
        soon(lambda: all(map(self._is_well, self.nodes)))

    def _is_well(self, node: Server) -> bool:
        with node.client() as client:
            said = client.execute_command("CLUSTER INFO")
            names = "cluster_state", "cluster_slots_ok", "cluster_known_nodes"
            return [said[name] for name in names] == ["ok", str(SLOTS), str(len(self.nodes))]

    def _follows(self, node: Server) -> bool:
        with node.client() as client:
            return bool(client.info("replication").get("master_link_status") == "up")

    def id(self, node: Server) -> str:
        """Return the name that the nodes have for one another."""
        with node.client() as client:
            return str(client.execute_command("CLUSTER", "MYID").decode())

    @property
    def url(self) -> str:
        """Where clients begin."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[:3])
        return f"redis+cluster://{hosts}/"

    def node_of(self, key: str) -> Server:
        """Return the primary of a key, as the nodes were told at first."""
        with self.nodes[0].client() as client:
            slot = int(client.execute_command("CLUSTER", "KEYSLOT", key))
        return self.nodes[slot * 3 // SLOTS]

    def clear(self) -> list[str]:
        """Forget all data; return the keys that were there."""
        keys: list[str] = []
        for node in self.nodes[:3]:
            with node.client() as client:
                keys += [key.decode() for key in client.scan_iter(count=1000)]
                client.flushall()
        return keys

    def stop(self) -> None:
        """Stop all."""
        for node in self.nodes:
            node.stop()
