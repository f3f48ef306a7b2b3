"""From settings to a running exporter: which session, source and worker each target gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.clock import SystemClock
from observer.config.model import TARGET_KINDS
from observer.exporter.audience import Audience
from observer.exporter.catalogue import catalogue
from observer.exporter.declaration import label_body
from observer.exporter.exporter import Exporter, PublishingListener
from observer.exporter.hikari.duplicates import Duplicates
from observer.exporter.hikari.reader import PoolReader
from observer.exporter.hikari.replicas import Resolved, listed
from observer.exporter.hikari.source import HikariSource
from observer.exporter.pacing import Pacer
from observer.exporter.pgbouncer.source import PgbouncerSource
from observer.exporter.postgres.collectors import collector_names
from observer.exporter.postgres.custom import files as custom
from observer.exporter.postgres.databases import Choice
from observer.exporter.postgres.source import Plan, PostgresSource
from observer.exporter.recorder import Recorder
from observer.exporter.redis.cluster_source import ClusterSource
from observer.exporter.redis.key_walk import Limits
from observer.exporter.redis.keyspace import Place
from observer.exporter.redis.plan import KeyOptions
from observer.exporter.redis.plan import Options as RedisOptions
from observer.exporter.redis.source import RedisSource
from observer.exporter.worker import Worker
from observer.targets.actuator import ActuatorAddress, ActuatorSession, Credentials
from observer.targets.pgbouncer import PgbouncerSession
from observer.targets.postgres import PostgresAddress, PostgresSession
from observer.targets.prometheus import PrometheusSession
from observer.targets.redis import RedisAddress, RedisSession
from observer.targets.secrets import password_source, setting

if TYPE_CHECKING:
    from observer.config.model import (
        HikariTarget,
        PgbouncerTarget,
        PostgresTarget,
        Prometheus,
        RedisTarget,
        Scrape,
        Settings,
    )
    from observer.exporter.hikari.replicas import Discovery, Replica
    from observer.exporter.postgres.custom.files import CustomQueries
    from observer.exporter.snapshot import Source
    from observer.metrics import Metrics


NOTHING_WATCHED = (
    "nothing is watched: give a target, as in --postgres postgresql://observer@127.0.0.1/app,"
    " or settings with --config FILE"
)


def build_exporter(settings: Settings, metrics: Metrics) -> Exporter:
    """An exporter for all targets that are switched on; nothing is connected yet.

    Raises:
        ConfigurationError: An address cannot be understood.
    """
    sources = build_sources(settings)
    max_series = {
        target.name: target.max_series for kind in TARGET_KINDS for target in getattr(settings, kind)
    }
    kinds = [source.kind for source in sources]
    audience, clock = Audience(), SystemClock()
    listener = PublishingListener(Recorder(metrics))
    scrape = settings.scrape
    exporter = Exporter(
        [
            Worker(
                source,
                pacer=Pacer(
                    max_age=scrape.max_age,
                    min_interval=scrape.min_interval,
                    idle_interval=scrape.idle_interval,
                ),
                audience=audience,
                clock=clock,
                deadline=scrape.deadline,
                label=label_body(("target",), (source.name,)) if kinds.count(source.kind) > 1 else "",
                listener=listener,
                max_series=max_series[source.name],
            )
            for source in sources
        ],
        own=metrics.exposition,
        audience=audience,
        clock=clock,
    )
    listener.exporter = exporter
    return exporter


def build_sources(settings: Settings) -> list[Source]:
    """A source for each target that is switched on."""
    if not settings.export:
        return []
    return [
        *(_postgres(target, settings.scrape) for target in settings.postgres if target.enabled),
        *(_pgbouncer(target) for target in settings.pgbouncer if target.enabled),
        *(_redis(target) for target in settings.redis if target.enabled),
        *(_hikari(target, settings.prometheus) for target in settings.hikari if target.enabled),
    ]


def _postgres(target: PostgresTarget, scrape: Scrape) -> Source:
    address = PostgresAddress.parse(
        setting(target.dsn, target.dsn_file),
        password_source(target.password, target.password_file),
    )
    statements = target.statements
    return PostgresSource(
        target.name,
        PostgresSession(
            address,
            statement_timeout=target.statement_timeout,
            lock_timeout=target.lock_timeout,
        ),
        Plan(
            top=statements.top if statements.enabled else 0,
            details=statements.details,
            details_interval=statements.details_interval,
            text_length=statements.text_length if statements.texts else 0,
            sizes_interval=target.sizes_interval,
            slow_interval=target.slow_interval,
            switches=target.collectors,
            databases=Choice(target.databases.include, target.databases.exclude),
            databases_interval=target.databases.interval,
            visit_deadline=scrape.deadline,
            custom=_custom_queries(target),
        ),
    )


def _custom_queries(target: PostgresTarget) -> CustomQueries:
    names = [metric.name for metric in catalogue()]
    return custom.read(target.queries, collectors=collector_names(), metrics=names)


def warnings(settings: Settings) -> list[str]:
    """What can be used and yet is not what was meant; a sentence each."""
    watched = [target for kind in TARGET_KINDS for target in getattr(settings, kind) if target.enabled]
    nothing = [] if watched else [NOTHING_WATCHED]
    return nothing + [
        f"{target.name}: {sentence}"
        for target in settings.postgres
        if target.enabled and settings.export
        for sentence in _custom_queries(target).warnings
    ]


def _pgbouncer(target: PgbouncerTarget) -> Source:
    address = PostgresAddress.parse(
        setting(target.dsn, target.dsn_file),
        password_source(target.password, target.password_file),
    )
    return PgbouncerSource(target.name, PgbouncerSession(address))


def _redis(target: RedisTarget) -> Source:
    address = RedisAddress.parse(
        setting(target.url, target.url_file),
        password_source(target.password, target.password_file),
        ca_file=target.ca_file,
        cert_file=target.cert_file,
        key_file=target.key_file,
    )
    session = RedisSession(address, renamed=target.renamed)
    options = _redis_options(target, address.database)

    def source(name: str, session: RedisSession) -> RedisSource:
        return RedisSource(name, session, clock=SystemClock(), options=options)

    return (
        ClusterSource(target.name, session, node=source) if target.cluster else source(target.name, session)
    )


def _redis_options(target: RedisTarget, home: int) -> RedisOptions:
    keys = target.keys
    return RedisOptions(
        without=frozenset(target.without),
        all_settings=target.all_config,
        clients=target.clients,
        keys=KeyOptions(
            groups={name: Place.parse(pattern, default=home) for name, pattern in keys.groups.items()},
            streams=[Place.parse(name, default=home) for name in keys.streams],
            watch=[Place.parse(name, default=home) for name in keys.watch],
            interval=keys.interval,
            limits=Limits(per_pass=keys.per_pass, rate=keys.rate, samples=keys.samples),
        ),
    )


def _hikari(target: HikariTarget, prometheus: Prometheus | None) -> Source:
    urls = target.urls or ((target.url,) if target.url is not None else ())
    addresses = [ActuatorAddress.parse(url.get_secret_value()) for url in urls]
    credentials = Credentials(
        username=target.username,
        password=password_source(None, target.password_file),
        bearer=password_source(None, target.bearer_file),
    )
    discovery: Discovery = (
        Resolved(addresses[0], interval=target.discover_interval)
        if target.discover == "dns"
        else listed(addresses, label=target.replica)
    )

    def open_reader(replica: Replica) -> PoolReader:
        session = ActuatorSession(replica.address, credentials=credentials, connect_to=replica.connect_to)
        return PoolReader(session, patterns=target.pass_through)

    duplicates = None
    if prometheus is not None and target.duplicate == "leave_out":
        duplicates = Duplicates(target.name, PrometheusSession(prometheus.url).query)
    return HikariSource(
        target.name,
        discovery,
        open_reader=open_reader,
        passes=bool(target.pass_through),
        duplicates=duplicates,
    )
