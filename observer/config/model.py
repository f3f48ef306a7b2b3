"""Every setting with its type, its default and what it means."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic reads the annotations when it runs
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from observer.config.units import (
    Bytes,
    Name,
    Seconds,
    Web,
    host_and_port,
    size_or_share,
    slack_channel,
    slack_mentions,
)


def _kept_measure(value: object) -> object:
    if value == "blocks":
        raise ValueError(
            "blocks are not kept from one sample to the next. Write time or calls;"
            " for a report by blocks run: observer advise DSN --weigh blocks"
        )
    return value


def _listen(value: str) -> str:
    host_and_port(value)
    return value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class _Target(_Section):
    name: Name = Field("", validate_default=False, description="Stands in paths, labels and messages.")
    enabled: bool = Field(default=True, description="Whether it is watched at all.")
    max_series: int = Field(
        default=20_000, ge=100, le=1_000_000, description="Series that one metric of it may have."
    )


Detail = Literal["blocks", "wal", "planning", "jit", "parallel"]


class Statements(_Section):
    """Which statements of pg_stat_statements have series of their own."""

    enabled: bool = Field(default=True, description="Whether pg_stat_statements is read.")
    top: int = Field(default=100, ge=1, le=5000, description="Statements that are counted one by one.")
    details: tuple[Detail, ...] = Field(
        ("blocks", "wal", "planning"),
        description="Which counters more than calls, time, rows and reads each has; also jit, parallel.",
    )
    details_interval: Seconds = Field(60.0, description="How often those, which are dear, are read.")
    texts: bool = Field(default=True, description="Whether redacted texts are exported and shown.")
    text_length: int = Field(default=200, ge=20, le=10000, description="Characters of a text on the page.")


class Databases(_Section):
    """Which databases of a server are read, beside what is the server's as a whole."""

    include: tuple[str, ...] = Field(("*",), description="Names or patterns as in a shell: shop_*.")
    exclude: tuple[str, ...] = Field((), description="Of those, the ones that are left out.")
    interval: Annotated[Seconds, Field(ge=1)] = Field(
        60.0, description="How often each of them is read, but that of the DSN, which always is."
    )


class PostgresTarget(_Target):
    """A PostgreSQL server."""

    dsn: SecretStr | None = Field(None, description="postgresql://user@host:5432/database, or key=value.")
    dsn_file: Path | None = Field(None, description="A file that holds the DSN.")
    password: SecretStr | None = Field(None, description="The password, apart from the DSN.")
    password_file: Path | None = Field(None, description="A file with the password; read at each connection.")
    statements: Statements = Field(Statements(), description="What is read of statements.")
    databases: Databases = Field(Databases(), description="Which databases are read.")
    lock_timeout: Seconds = Field(0.1, description="How long a query of ours may wait for a lock.")
    statement_timeout: Seconds = Field(3.0, description="How long a query of ours may run.")
    queries: tuple[Path, ...] = Field(
        (), description="Files and folders with queries of your own: .sql, or queries.yaml."
    )
    sizes_interval: Seconds = Field(300.0, description="How often sizes, which are dear, are read.")
    slow_interval: Seconds = Field(600.0, description="How often what moves slowly is read.")
    collectors: dict[str, bool] = Field(
        {}, description="Which collectors run, by name; what is not named runs as it does by default."
    )

    @model_validator(mode="after")
    def _one_dsn(self) -> Self:
        _exactly_one(self, "dsn", "dsn_file")
        return self


class PgbouncerTarget(_Target):
    """The admin console of a PgBouncer."""

    dsn: SecretStr | None = Field(None, description="postgresql://user@host:6432/pgbouncer")
    dsn_file: Path | None = Field(None, description="A file that holds the DSN.")
    password: SecretStr | None = Field(None, description="The password, apart from the DSN.")
    password_file: Path | None = Field(None, description="A file with the password; read at each connection.")

    @model_validator(mode="after")
    def _one_dsn(self) -> Self:
        _exactly_one(self, "dsn", "dsn_file")
        return self


RedisCollector = Literal[
    "clients",
    "cluster",
    "config",
    "key_groups",
    "keys",
    "latency",
    "latency_histogram",
    "sentinel",
    "slowlog",
    "streams",
]


class RedisKeys(_Section):
    """Which keys are looked at. ``db3=`` before a key or a pattern names another database than the URL's."""

    groups: dict[str, str] = Field(
        {}, description="Patterns of keys by name of the group: {sessions: 'session:*'}. The first that fits."
    )
    streams: Annotated[tuple[str, ...], Field(max_length=100)] = Field(
        (), description="Streams, and patterns of streams."
    )
    watch: Annotated[tuple[str, ...], Field(max_length=100)] = Field(
        (), description="Single keys, whose size and value are shown."
    )
    interval: Seconds = Field(30.0, description="Time between two passes of the walk over all keys.")
    per_pass: int = Field(
        default=10_000, ge=100, le=1_000_000, description="Keys that a pass looks at, in at most 500 ms."
    )
    rate: int = Field(default=1000, ge=10, le=100_000, description="Commands that a pass sends in a second.")
    samples: int = Field(
        default=100,
        ge=0,
        le=100_000,
        description="Keys of a group that are measured in a walk; 0 measures none.",
    )


class RedisTarget(_Target):
    """A Redis or Valkey server, a sentinel, or a cluster."""

    url: SecretStr | None = Field(
        None, description="redis://user@host:6379/0, rediss:// for TLS, or unix://path"
    )
    url_file: Path | None = Field(None, description="A file that holds the URL.")
    password: SecretStr | None = Field(None, description="The password, apart from the URL.")
    password_file: Path | None = Field(None, description="A file with the password; read at each connection.")
    ca_file: Path | None = Field(
        None, description="Certificates that are trusted; the system's if not given."
    )
    cert_file: Path | None = Field(None, description="Our certificate, for servers that want one.")
    key_file: Path | None = Field(None, description="The key of our certificate.")
    cluster: bool = Field(
        default=False, description="Whether it is a node of a cluster whose other nodes are read as well."
    )
    clients: bool = Field(default=False, description="Whether connections are summed by client.")
    all_config: bool = Field(default=False, description="Whether all of CONFIG is shown, but for secrets.")
    without: tuple[RedisCollector, ...] = Field((), description="Collectors that are left out.")
    renamed: dict[str, str] = Field(
        {}, description="What the server calls commands that were renamed there: {CONFIG: 8f2a}."
    )
    keys: RedisKeys = Field(RedisKeys(), description="Which keys are looked at.")

    @model_validator(mode="after")
    def _one_url(self) -> Self:
        _exactly_one(self, "url", "url_file")
        _scheme(self.url, {"redis", "rediss", "unix"})
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together. Give both or none")
        return self


class HikariTarget(_Target):
    """A service whose HikariCP pools are read from its actuator."""

    url: SecretStr | None = Field(None, description="http://host:8080/actuator/prometheus")
    urls: tuple[SecretStr, ...] = Field((), description="The same of several replicas, instead of `url`.")
    discover: Literal["none", "dns"] = Field(
        "none", description="dns makes a replica of each address that the host of `url` has."
    )
    discover_interval: Annotated[Seconds, Field(ge=1)] = Field(
        15.0, description="How often they are looked up."
    )
    replica: str = Field("", description="Its label `replica`; host:port when empty.")
    pass_through: tuple[str, ...] = Field(
        (), description="Names of other metrics to take over as they are: `http_server_requests_seconds*`."
    )
    duplicate: Literal["leave_out", "keep"] = Field(
        "leave_out", description="What to do with pools that `prometheus.url` has from the service itself."
    )
    username: str = Field("", description="For basic authentication.")
    password_file: Path | None = Field(None, description="A file with the password for it.")
    bearer_file: Path | None = Field(None, description="A file with a bearer token.")

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if (self.url is None) == (not self.urls):
            raise ValueError("give exactly one of url and urls" + (", not both" if self.url else ""))
        for url in (self.url, *self.urls):
            _scheme(url, {"http", "https"})
        if self.discover == "dns" and self.urls:
            raise ValueError("discover: dns looks up the host of url; it does not go with urls")
        if self.replica and (self.urls or self.discover != "none"):
            raise ValueError("replica names a single replica; several are named by where they are")
        return self


class Scrape(_Section):
    """When targets are collected."""

    max_age: Seconds = Field(1.0, description="Numbers that are older are read anew before they are served.")
    min_interval: Seconds = Field(1.0, description="Least time between two collections of a target.")
    idle_interval: Seconds = Field(60.0, description="Time between collections when nobody scrapes.")
    deadline: Seconds = Field(5.0, description="How long one collection of a target may take.")
    budget: Seconds = Field(5.0, description="How long a scrape waits when it says nothing of its time-out.")


class Advise(_Section):
    """Index advice on a schedule, from the statements that were kept."""

    enabled: bool = Field(default=True, description="Whether statements are kept and advice is given.")
    interval: Annotated[Seconds, Field(ge=5)] = Field(86400.0, description="How often advice is given.")
    sample_interval: Annotated[Seconds, Field(ge=1)] = Field(
        600.0, description="How often the numbers of pg_stat_statements are kept."
    )
    window: Seconds = Field(86400.0, description="How far back the workload that is advised on reaches.")
    budget: Annotated[str, AfterValidator(size_or_share)] = Field(
        "", description="Storage for all new indexes: 500MB or 10%; a tenth of the database when empty."
    )
    max_width: int = Field(default=3, ge=1, le=8, description="Most key columns of an index.")
    weigh: Annotated[Literal["time", "calls"], BeforeValidator(_kept_measure)] = Field(
        "time", description="What a statement counts by: the time it took, or how often it was called."
    )
    deadline: Seconds = Field(
        120.0,
        description="When a run is ended, finished or not; the databases of a target share it.",
    )
    sample_dsn: SecretStr | None = Field(
        None, description="A scratch database on another server, to try out there what HypoPG cannot price."
    )


class Store(_Section):
    """Where Observer keeps what must outlive it."""

    path: Path | None = Field(
        None, description="The file; observer.db in the state directory when not given. Never on a network."
    )
    size: Bytes = Field(500 * 1024**2, description="What the file may grow to; the oldest goes first.")


class Log(_Section):
    """What is logged, to standard error."""

    format: Literal["auto", "json", "text"] = Field(
        "auto", description="auto is text on a terminal, else JSON."
    )
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level.")


class Slack(_Section):
    """Where incidents are told."""

    enabled: bool = Field(default=True, description="Whether anything is sent.")
    token: SecretStr | None = Field(None, description="The bot token, xoxb-...")
    token_file: Path | None = Field(None, description="A file with the bot token; read at each call.")
    channel: Annotated[str, AfterValidator(slack_channel)] = Field(
        description="ID of the channel, C0123456789."
    )
    base_url: Web = Field("https://slack.com/api/", description="Where Slack's methods are.")
    mentions: Annotated[dict[str, str], AfterValidator(slack_mentions)] = Field(
        {}, description="Whom to call, by label=value: <!subteam^S...> or <@U...>."
    )

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        _exactly_one(self, "token", "token_file")
        return self


class Alerts(_Section):
    """How Alertmanager and Observer know each other."""

    token_file: Path | None = Field(
        None, description="A file with the bearer token that webhooks must carry."
    )
    alertmanagers: tuple[Web, ...] = Field((), description="Alertmanagers that are asked what still fires.")


class Prometheus(_Section):
    """The Prometheus that keeps what Observer exports; asked what was before."""

    url: Web = Field(description="http://prometheus:9090")
    window: Seconds = Field(300.0, description="Over how long statements are looked at.")
    compare_with: Seconds = Field(3600.0, description="How long ago is what they are compared with.")


class Settings(_Section):
    """All settings of one Observer."""

    listen: Annotated[str, AfterValidator(_listen)] = Field(
        "127.0.0.1:9188", description="Address and port of the HTTP server."
    )
    postgres: tuple[PostgresTarget, ...] = Field((), description="PostgreSQL servers.")
    pgbouncer: tuple[PgbouncerTarget, ...] = Field((), description="PgBouncer admin consoles.")
    redis: tuple[RedisTarget, ...] = Field((), description="Redis and Valkey servers.")
    hikari: tuple[HikariTarget, ...] = Field((), description="Services with HikariCP.")
    export: bool = Field(default=True, description="Whether metrics are collected and served.")
    scrape: Scrape = Field(Scrape(), description="When targets are collected.")
    slack: Slack | None = Field(None, description="Where incidents are told; without it none are.")
    alerts: Alerts = Field(Alerts(), description="How Alertmanager and Observer know each other.")
    prometheus: Prometheus | None = Field(None, description="Who keeps the history, for evidence.")
    advise: Advise = Field(Advise(), description="Index advice.")
    store: Store = Field(Store(), description="Observer's own state.")
    log: Log = Field(Log(), description="Logging.")

    @model_validator(mode="before")
    @classmethod
    def _name_targets(cls, raw: Any) -> Any:  # noqa: ANN401 - whatever the user wrote
        if not isinstance(raw, dict):
            return raw
        named = dict(raw)
        for kind in TARGET_KINDS:
            if isinstance(raw.get(kind), (list, tuple)):
                named[kind] = [
                    {"name": kind if index == 0 else f"{kind}-{index + 1}", **target}
                    if isinstance(target, dict)
                    else target
                    for index, target in enumerate(raw[kind])
                ]
        return named

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [target.name for kind in TARGET_KINDS for target in getattr(self, kind)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"targets share the name {', '.join(twice)}. Give each a name of its own")
        return self


TARGET_KINDS = ("postgres", "pgbouncer", "redis", "hikari")


def _exactly_one(section: BaseModel, *names: str) -> None:
    given = [name for name in names if getattr(section, name) is not None]
    if len(given) != 1:
        raise ValueError(f"give exactly one of {' and '.join(names)}" + (", not both" if given else ""))


def _scheme(url: SecretStr | None, schemes: set[str]) -> None:
    if url is not None and urlsplit(url.get_secret_value()).scheme not in schemes:
        raise ValueError(f"the URL must begin with {' or '.join(sorted(s + '://' for s in schemes))}")
