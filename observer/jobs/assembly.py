"""From settings to jobs: which there are, for which targets, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.exporter.postgres.databases import Choice
from observer.jobs import advice, samples, upkeep
from observer.jobs.job import Job
from observer.targets.postgres import PostgresAddress
from observer.targets.secrets import password_source, setting

if TYPE_CHECKING:
    from observer.clock import Clock
    from observer.config.model import PostgresTarget, Settings
    from observer.metrics import Metrics
    from observer.store.store import Store

FIRST_WINDOW = 1.5
"""Sample intervals before the first advice ever, so that there is a difference to advise on."""


def build_jobs(settings: Settings, *, store: Store, clock: Clock, metrics: Metrics) -> list[Job]:
    """The jobs of these settings.

    Raises:
        ConfigurationError: An address cannot be understood.
    """
    keeping = upkeep.StoreUpkeep(store=store, bound=settings.store.size, clock=clock, metrics=metrics)
    jobs = [Job(name=upkeep.NAME, target="", interval=upkeep.INTERVAL, work=keeping.work, delay=60.0)]
    if settings.advise.enabled:
        for target in settings.postgres:
            if target.enabled and target.statements.enabled:
                jobs += _advice(settings, target, store=store, clock=clock)
    return jobs


def _advice(settings: Settings, target: PostgresTarget, *, store: Store, clock: Clock) -> list[Job]:
    advise = settings.advise
    sampler = samples.StatementSampler(
        target=target.name,
        address=PostgresAddress.parse(
            setting(target.dsn, target.dsn_file), password_source(target.password, target.password_file)
        ),
        choice=Choice(target.databases.include, target.databases.exclude),
        statement_timeout=target.statement_timeout,
        lock_timeout=target.lock_timeout,
        store=store,
        clock=clock,
    )
    bounds = advice.Bounds(
        window=advise.window,
        budget=advise.budget,
        max_width=advise.max_width,
        deadline=advise.deadline,
        weigh=advise.weigh,
        sample_dsn=advise.sample_dsn.get_secret_value() if advise.sample_dsn else "",
    )
    adviser = advice.IndexAdvice(sampler=sampler, bounds=bounds, store=store, clock=clock)
    return [
        Job(
            name=samples.NAME,
            target=target.name,
            interval=round(advise.sample_interval),
            work=sampler.work,
            patience=3 * samples.SECONDS,
        ),
        Job(
            name=advice.NAME,
            target=target.name,
            interval=round(advise.interval),
            work=adviser.work,
            delay=FIRST_WINDOW * advise.sample_interval,
            # Beside the deadline: a sample that is under way, its own, and the look for built indexes.
            patience=advise.deadline + 6 * samples.SECONDS,
            pool="children",
        ),
    ]
